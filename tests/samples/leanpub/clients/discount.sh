curl -s -X POST \
  --header 'x-api-key: aaaabbbbccccddddeeeeffff12345678' \
  --data '{"partnerId": "acme", "origin": "shop.example.com", "productId": "foobar", "recipient": {"firstName": "John", "lastName": "Smith", "email": "john@example.com"}}' \
  https://leanpub.schams.net/api/v2/PartnerDiscountRequest
