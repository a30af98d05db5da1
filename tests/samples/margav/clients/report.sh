# Mended: the printed command sends no key, which the same page requires.
curl -X POST https://yourdomain.com/api/leads/from-dialer/ \
  -H "Content-Type: application/json" \
  -H "X-Dialer-Api-Key: YOUR_API_KEY" \
  -d '{
    "full_name": "Test Lead",
    "phone": "+44123456789",
    "email": "test@example.com",
    "notes": "Test lead from dialer",
    "agent_username": "agent1"
  }'
