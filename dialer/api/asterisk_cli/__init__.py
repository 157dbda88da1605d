"""`dialer …` in Asterisk's own CLI.

A CLI command needs a C module; an alias (res_clialiases) does not. Ours turns `dialer show tasks` into `realtime load
autodialer command " show tasks`: Asterisk asks its realtime engine for the row of that key and prints its columns.
The engine is res_config_curl: it posts what was typed, percent-encoded, to us, and waits for our answer. So the answer
is printed where the command was typed, to `asterisk -rx` too, whatever other consoles there are; nothing of what is
typed is ever evaluated; the AMI user needs no right for it.

What else was tried on Asterisk 22: `dialplan eval function "CURL(…` is cut after 1000 bytes and warns in the log; a
global variable set by an alias (VarSet) needs one more event and answers only to interactive consoles, by Verbose();
AstDB with `database show` answers before the command is carried out.
"""
