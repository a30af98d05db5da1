import requests

url = "https://app.squadiq.in/api/v4/leads/responses/{campaign_id}/?page_size=1"

headers = {"Authorization": "Bearer test_token"}

params = {
    "lead_id": "test_lead_id"
}

response = requests.get(url, params=params, headers=headers)
response.json()
