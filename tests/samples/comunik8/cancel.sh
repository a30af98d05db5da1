curl -X POST -H "Content-Type: application/json" -H "Cache-Control: no-cache" -d '{
    "mobile":"07840258823",
    "type":"motor-trade"
  }' "https://{example.com}/lead/cancel?key={API_KEY}"
