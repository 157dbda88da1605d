#!/bin/sh
# A campaign by the VotBox API: template, schedule, list, end, results.
#     VOTBOX_URL=https://pbx.example:8088 VOTBOX_USER=crm VOTBOX_PASSWORD=… ./votbox.sh numbers.csv
set -eu
# --8<-- [start:all]
API="${VOTBOX_URL:-http://127.0.0.1:8088}/api"
MD5=$(printf %s "$VOTBOX_PASSWORD" | md5sum | cut -c1-32)

post() { # call, curl's own arguments; prints the XML, ends where it tells an error
    name=$1
    shift
    answer=$(curl --silent --show-error --form "username=$VOTBOX_USER" --form "password=$MD5" "$@" "$API/$name.api.php")
    case $answer in
        *'<error code="0"'*) printf '%s\n' "$answer" ;;
        *) printf '%s\n' "$answer" >&2 && exit 1 ;;
    esac
}
attribute() { # element, attribute
    sed -n "s/.*<$1 [^>]*\b$2=\"\([^\"]*\)\".*/\1/p"
}

# curl's --form ends a value at a ";", --form-string does not
answer=$(post autocall.scheme --form TemplateName=Долг --form AniID=1 \
    --form-string 'tts_FGREETING=Здравствуйте!' \
    --form CheckPlayInfo=1 --form-string 'tts_FINFO=У вас есть долг.' \
    --form CheckUserReaction=1 --form ReactionType=1 \
    --form-string 'tts_FMENU=Оператор - один, повторить - два.' \
    --form-string 'MENU_STRUCT=1:Оператор:2:201|89110000000;2:Ещё раз:1:1' \
    --form CallOkType=2 --form MaxAttempts=1)
scheme=$(printf %s "$answer" | attribute obj id)
# Mondays from 9 to 18 h only: post autocall.schedule --form "schemeid=$scheme" --form d1=1 --form ts1=09:00 --form te1=18:00
answer=$(post autocall --form "schemeid=$scheme" --form taskname=Долги --form "FLIST=@$1")
task=$(printf %s "$answer" | attribute task id)
answer=$(post autocall.check --form "taskid=$task")
while [ "$(printf %s "$answer" | attribute task taskstatusstr)" != Закончена ]; do
    sleep 1
    answer=$(post autocall.check --form "taskid=$task")
done
printf '%s\n' "$answer"
# --8<-- [end:all]
