<?php
require 'right.php';  // function right($user, $code): bool is yours

$key = base64_decode(substr((string) getenv('MAILTWIST_KEY'), 6));
$sign = fn($id, $at, $body) => 'v1,' . base64_encode(hash_hmac('sha256', "$id.$at.$body", $key, true));
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$at = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$body = file_get_contents('php://input');
$signed = hash_equals($sign($id, $at, $body), $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '');
if (strlen($key) < 24 || !$signed || abs(time() - (int) $at) > 300) {
    http_response_code(401);
    exit;
}
$asked = json_decode($body, true);
$ok = $asked['type'] === 'login.code' && right($asked['user'], $asked['code']);
$answer = json_encode(['ok' => $ok, 'nonce' => $asked['nonce']]);
header('Content-Type: application/json');
header("webhook-id: $id");
header("webhook-timestamp: $at");
header('webhook-signature: ' . $sign($id, $at, $answer));
echo $answer;
