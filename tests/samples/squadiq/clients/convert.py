import requests

url = "https://app.squadiq.in/api/v4/leads/convert/{campaign_id}/"

payload = {
    "lead_id": "uniqueleadid1",
    "detail": "{conversion detail}",
}

headers = {
    "Authorization": "Bearer test_token", 
    "Content-Type": "application/json"
}

response = requests.post(url, json=payload, headers=headers)
response.json()
