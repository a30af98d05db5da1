curl 'https://app.squadiq.in/api/v4/leads/delete/{campaign_id}/' \
-H 'Authorization: Bearer test_token' \
-H 'Content-Type: application/json' \
--data-binary $'{"lead_id": "uniqueleadid1"}'
