import requests

url = "https://app.squadiq.in/api/v4/leads/delete/{campaign_id}/"

payload = {
    "lead_id": "uniqueleadid1"
}

headers = {
    "Authorization": "Bearer test_token", 
    "Content-Type": "application/json"
}

response = requests.post(url, json=payload, headers=headers)
response.json()
