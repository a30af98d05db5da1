curl -X POST -H "Content-Type: application/json" -H "Cache-Control: no-cache" -d '{
    "first_name":"John",
    "surname":"Doe",
    "mobile":"07840258823",
    "email":"john@example.com",
    "type":"motor-trade",
    "subtype":"valeter",
    "delays":600,
    "data": "{\"vehicle_make\":\"Ford\",\"addresss\":\"123 Greenacre Road\"}"
  }' "https://{example.com}/lead/add?key={API_KEY}"
