#!/bin/bash

API_URL="https://your-platform.com/api/leads/partner-transfer"
API_KEY="your_api_key_here"

curl -X POST "$API_URL" \
  -H "Content-Type: application/json" \
  -H "X-API-Key: $API_KEY" \
  -d '{
    "leads": [
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
  }' \
  | json_pp  # Pretty print JSON response
