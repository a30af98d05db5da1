import requests

url = "https://app.squadiq.in/api/v4/leads/update/{campaign_id}/"

payload = {
    "lead_id": "uniqueleadid1",
    "phone_number": "{new_valid phone number}",
    "{custom_field_1}": "{new_custom_value}",
}

headers = {
    "Authorization": "Bearer test_token", 
    "Content-Type": "application/json"
}

response = requests.patch(url, json=payload, headers=headers)
response.json()
