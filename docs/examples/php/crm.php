<?php
/* A CRM's side of the auto-dialer: begins campaigns, and reads every result once. PHP 8 without extensions.
 *     php crm.php start order-17 79520000160 79520000161     # a second time: no second campaign
 *     php crm.php fetch                                      # prints what is new
 */
declare(strict_types=1);

define('URL', getenv('AUTODIALER_URL') ?: 'http://127.0.0.1:8088');
define('KEY', getenv('AUTODIALER_KEY') ?: '');  // made by `dialer apikey add crm`; on the PBX itself none is needed
define('STATE', getenv('CRM_STATE') ?: 'crm.json');

// --8<-- [start:call]
/** The daemon understood the request and refuses it: sending it again changes nothing. */
class Refused extends RuntimeException
{
}

/** `data` of a call. A daemon that cannot be reached, or cannot store anything just now, is asked again. */
function call(string $method, string $path, ?array $body = null, ?string $idempotencyKey = null): array
{
    $headers = ['Content-Type: application/json'];
    if (KEY !== '') {
        $headers[] = 'Authorization: Bearer ' . KEY;
    }
    if ($idempotencyKey !== null) {
        $headers[] = "Idempotency-Key: $idempotencyKey";
    }
    $context = stream_context_create(['http' => [
        'method' => $method,
        'header' => $headers,
        'content' => $body === null ? '' : json_encode($body, JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR),
        'timeout' => 30,
        'ignore_errors' => true,  // refusals have a body, too
    ]]);
    for ($try = 1; ; $try++) {
        $http_response_header = [];
        $answer = @file_get_contents(URL . "/pbxcore/api/module-dialer/v1$path", false, $context);
        $status = (int) substr($http_response_header[0] ?? 'HTTP/1.1 0', 9, 3);
        if (!in_array($status, [0, 408, 429, 503], true) || $try === 5) {
            break;
        }
        sleep(2);
    }
    if ($answer === false) {
        throw new RuntimeException('the dialer cannot be reached');
    }
    $answer = json_decode($answer, true, 512, JSON_THROW_ON_ERROR);
    if ($status !== 200 || $answer['result'] !== true) {
        throw new Refused(implode('; ', $answer['messages']['error'] ?? $answer['messages']), $status);
    }
    return $answer['data'];
}
// --8<-- [end:call]

// --8<-- [start:start]
/** Begin a campaign; returns the task's id. However often it is called for the same campaign, it begins once. */
function start(string $campaign, array $numbers): string
{
    call('POST', '/polling', [
        'crmId' => 'satisfaction',  // a known crmId is replaced: posting it again does no harm
        'name' => 'Оценка',
        'questions' => [[
            'questionId' => '1',
            'questionText' => 'Здравствуйте! Вы довольны ремонтом? Да - один, нет - два.',
            'press' => [
                ['key' => '1', 'action' => 'answer', 'value' => 'да'],
                ['key' => '2', 'action' => 'answer', 'value' => 'нет'],
            ],
        ]],
    ]);
    $task = [
        'crmId' => $campaign,  // the task is found by it later, and a second POST updates instead of creating
        'name' => "Оценка $campaign",
        'innerNum' => 'satisfaction',
        'innerNumType' => 'polling',
        'maxCountChannels' => 5,
        'maxAttempt' => 3,
        'tryInterval' => 3600,
        'numbers' => $numbers,
    ];
    return (string) call('POST', '/task', $task, hash('sha256', "campaign/$campaign"))['id'];
}
// --8<-- [end:start]

// --8<-- [start:fetch]
/** Read everything new of `results` or `polling-results`; $handle sees each version of each row once. */
function fetch(string $what, callable $handle): void
{
    $state = is_file(STATE) ? json_decode(file_get_contents(STATE), true, 512, JSON_THROW_ON_ERROR) : [];
    do {
        $since = $state[$what]['place'] ?? '0';
        $rows = call('GET', "/$what/$since")['results'];
        $news = 0;
        foreach ($rows as $row) {
            $digest = hash('sha256', json_encode($row, JSON_THROW_ON_ERROR));
            if (($state[$what]['rows'][$row['id']] ?? null) !== $digest) {
                $state[$what]['rows'][$row['id']] = $digest;
                $handle($row);
                $news++;
            }
            $state[$what]['place'] = $row['changeTime'];  // oldest first: the last one has the greatest
        }
        // a database of your own does both in one transaction: what $handle stores, and the place
        file_put_contents(STATE . '.new', json_encode($state, JSON_THROW_ON_ERROR));
        rename(STATE . '.new', STATE);
    } while ($news > 0);  // a page of nothing but known rows: that was all
}
// --8<-- [end:fetch]

try {
    $command = $argv[1] ?? '';
    if ($command === 'start' && $argc > 3) {
        echo start($argv[2], array_slice($argv, 3)), "\n";
    } elseif ($command === 'fetch') {
        fetch('results', function (array $row): void {
            if ($row['result'] !== null && !isset($row['nextTry'])) {  // the number is done
                echo implode("\t", ['result', $row['phone'], $row['result'], $row['cause'] ?? '']), "\n";
            }
        });
        fetch('polling-results', function (array $row): void {
            echo implode("\t", ['answer', $row['phone'], $row['questionCrmId'], $row['result']]), "\n";
        });
    } else {
        fwrite(STDERR, "php crm.php start CAMPAIGN NUMBER…, or php crm.php fetch\n");
        exit(2);
    }
} catch (Refused $refused) {
    fwrite(STDERR, "refused: {$refused->getMessage()}\n");
    exit(1);
}
