# Mended: the first two lines had lost their backslash.
curl \
-H "Authorization: Bearer test_token" \
-H 'Content-Type: application/json' \
-X GET "https://app.squadiq.in/api/v4/leads/responses/{campaign_id}/?lead_id=test_lead_id&page_size=1"
