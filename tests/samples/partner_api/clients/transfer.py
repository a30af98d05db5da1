import requests
import json

API_URL = "https://your-platform.com/api/leads/partner-transfer"
API_KEY = "your_api_key_here"

def transfer_leads(leads):
    """
    Transfer leads to platform.

    Args:
        leads: List of dicts with keys: name, phone, email (optional)

    Returns:
        Response dict with transfer results
    """
    headers = {
        "Content-Type": "application/json",
        "X-API-Key": API_KEY
    }

    payload = {
        "leads": leads
    }

    response = requests.post(API_URL, headers=headers, json=payload)
    response.raise_for_status()  # Raise error for bad status codes

    return response.json()


# Example usage
leads_to_transfer = [
    {
        "name": "John Doe",
        "phone": "+1234567890",
        "email": "john@example.com"
    },
    {
        "name": "Jane Smith",
        "phone": "+1987654321",
        "email": "jane@example.com"
    }
]

try:
    result = transfer_leads(leads_to_transfer)
    print(f"Success! Created {result['created']} leads")
    if result['errors']:
        print(f"Errors/Skips: {len(result['errors'])}")
        for error in result['errors']:
            print(f"  - {error['phone']}: {error['reason']}")
except requests.exceptions.HTTPError as e:
    print(f"HTTP Error: {e}")
    print(f"Response: {e.response.text}")
except Exception as e:
    print(f"Error: {e}")
