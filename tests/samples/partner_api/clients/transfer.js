const axios = require('axios');

const API_URL = 'https://your-platform.com/api/leads/partner-transfer';
const API_KEY = 'your_api_key_here';

async function transferLeads(leads) {
  try {
    const response = await axios.post(
      API_URL,
      { leads },
      {
        headers: {
          'Content-Type': 'application/json',
          'X-API-Key': API_KEY
        }
      }
    );

    const result = response.data;
    console.log(`Success! Created ${result.created} leads`);

    if (result.errors && result.errors.length > 0) {
      console.log(`Errors/Skips: ${result.errors.length}`);
      result.errors.forEach(error => {
        console.log(`  - ${error.phone}: ${error.reason}`);
      });
    }

    return result;
  } catch (error) {
    if (error.response) {
      // Server responded with error
      console.error('API Error:', error.response.status);
      console.error('Details:', error.response.data);
    } else {
      // Network or other error
      console.error('Error:', error.message);
    }
    throw error;
  }
}

// Example usage
const leadsToTransfer = [
  {
    name: 'John Doe',
    phone: '+1234567890',
    email: 'john@example.com'
  },
  {
    name: 'Jane Smith',
    phone: '+1987654321',
    email: 'jane@example.com'
  }
];

transferLeads(leadsToTransfer);
