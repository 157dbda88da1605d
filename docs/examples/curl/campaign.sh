#!/bin/sh
# A campaign by curl: a polling, a task, its end, its results. Needs curl and jq.
#     AUTODIALER_URL=https://pbx.example:8088 AUTODIALER_KEY=ad_… ./campaign.sh 79520000160 79520000161
set -eu
# --8<-- [start:call]
API="${AUTODIALER_URL:-http://127.0.0.1:8088}/pbxcore/api/module-dialer/v1"

call() { # method, path, [curl's own arguments]; prints `data`, ends with the messages of a refusal
    method=$1 path=$2
    shift 2
    # on the machine itself no key is needed
    answer=$(curl --silent --show-error --max-time 30 --request "$method" \
        ${AUTODIALER_KEY:+--header "Authorization: Bearer $AUTODIALER_KEY"} "$@" "$API$path")
    if [ "$(printf %s "$answer" | jq .result)" != true ]; then
        printf %s "$answer" | jq --raw-output '.messages | if type == "object" then .error else . end | .[]' >&2
        exit 1
    fi
    printf %s "$answer" | jq .data
}
# --8<-- [end:call]

# --8<-- [start:polling]
polling=$(call POST /polling --data '{
  "crmId": "satisfaction",
  "name": "Оценка",
  "questions": [
    {"questionId": "1", "questionText": "Здравствуйте! Вы довольны ремонтом? Да - один, нет - два.",
     "press": [{"key": "1", "action": "answer", "value": "да"},
               {"key": "2", "action": "answer", "value": "нет", "nextQuestion": "2"}]},
    {"questionId": "2", "questionText": "Соединить вас с мастером? Да - один, нет - два.",
     "press": [{"key": "1", "action": "dial", "value": "201"},
               {"key": "2", "action": "answer", "value": "не соединять"}]}
  ]}')
# --8<-- [end:polling]

# --8<-- [start:task]
numbers=$(jq --null-input --compact-output '$ARGS.positional' --args "$@")
task=$(call POST /task --header "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" --data "{
  \"name\": \"Оценка ремонта\",
  \"innerNum\": $(printf %s "$polling" | jq .id), \"innerNumType\": \"polling\",
  \"maxCountChannels\": 5,
  \"maxAttempt\": 2, \"tryInterval\": 600,
  \"numbers\": $numbers}")
id=$(printf %s "$task" | jq --raw-output .id)
echo "task $id"
# --8<-- [end:task]

# --8<-- [start:wait]
# a task whose every number is finished is closed (state 1) by the daemon
task=$(call GET "/task/$id")
while [ "$(printf %s "$task" | jq --raw-output .state)" != 1 ]; do
    sleep 1
    task=$(call GET "/task/$id")
done
printf %s "$task" | jq --raw-output '.results[] | [.phone, .result, .cause // ""] | @tsv'
printf %s "$task" | jq --raw-output '.resultsPoling[] | [.phone, .questionCrmId, .result] | @tsv'
# --8<-- [end:wait]
