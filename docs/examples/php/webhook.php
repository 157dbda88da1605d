<?php
/* Takes the dialer's webhooks: verifies who sends, stores each event once. PHP 8 without extensions.
 *     AUTODIALER_WEBHOOK_SECRET=whsec_… EVENTS_DIR=/var/lib/crm/events php -S 127.0.0.1:8000 webhook.php
 */
declare(strict_types=1);

// --8<-- [start:verify]
/** Whether the dialer has sent this, in the last five minutes. $body: the bytes as they came, not parsed. */
function is_ours(string $id, string $timestamp, string $signature, string $body, string $secret): bool
{
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6)) : $secret;
    $digest = base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    return abs(time() - (int) $timestamp) < 300 && hash_equals("v1,$digest", $signature);
}
// --8<-- [end:verify]

// --8<-- [start:receive]
$body = (string) file_get_contents('php://input');
$id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
$timestamp = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
$signature = $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '';
if (!is_ours($id, $timestamp, $signature, $body, (string) getenv('AUTODIALER_WEBHOOK_SECRET'))) {
    http_response_code(401);
    return;
}
// At least once is promised, so the same event may come twice: its id tells. A file may be made only once; a database
// of your own does it by a unique key, in the transaction that does what your CRM does with the event.
$place = getenv('EVENTS_DIR') . '/' . hash('sha256', $id) . '.json';
$aside = $place . '.' . getmypid();
if (file_put_contents($aside, $body) !== strlen($body)) {
    http_response_code(503);  // not stored: it comes again
    return;
}
@link($aside, $place);  // fails where the event is known
unlink($aside);
http_response_code(204);  // only now: what is answered with 2xx does not come again
// --8<-- [end:receive]
