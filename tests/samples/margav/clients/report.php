<?php
function createLeadFromDialer($leadData) {
    $url = 'https://yourdomain.com/api/leads/from-dialer/';

    $options = [
        'http' => [
            'header' => "Content-Type: application/json\r\nX-Dialer-Api-Key: YOUR_API_KEY\r\n",
            'method' => 'POST',
            'content' => json_encode($leadData)
        ]
    ];

    $context = stream_context_create($options);
    $result = file_get_contents($url, false, $context);

    if ($result === FALSE) {
        throw new Exception('Failed to create lead');
    }

    $response = json_decode($result, true);
    return $response;
}

// Usage
$leadData = [
    'full_name' => 'John Smith',
    'phone' => '+44123456789',
    'email' => 'john@example.com',
    'notes' => 'Interested in solar panels',
    'agent_username' => 'agent1'
];

$result = createLeadFromDialer($leadData);
echo "Lead created: " . json_encode($result['lead']);
?>
