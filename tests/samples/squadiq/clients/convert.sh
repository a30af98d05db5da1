curl -i 'https://app.squadiq.in/api/v4/leads/convert/{campaign_id}/' \
-H 'Authorization: Bearer test_token' \
-H 'Content-Type: application/json' \
--data '{"lead_id": "uniqueleadid1", "detail": "{conversion_detail}"}'
