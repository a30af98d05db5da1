import requests
import json

def create_lead_from_dialer(lead_data):
    url = "https://yourdomain.com/api/leads/from-dialer/"

    try:
        response = requests.post(url, json=lead_data, headers={"X-Dialer-Api-Key": "YOUR_API_KEY"})
        response.raise_for_status()

        result = response.json()
        print(f"Lead created: {result['lead']}")
        return result['lead']

    except requests.exceptions.RequestException as e:
        print(f"Error creating lead: {e}")
        if e.response:
            print(f"Response: {e.response.text}")
        raise

# Usage
lead_data = {
    "full_name": "John Smith",
    "phone": "+44123456789",
    "email": "john@example.com",
    "notes": "Interested in solar panels",
    "agent_username": "agent1"
}

create_lead_from_dialer(lead_data)
