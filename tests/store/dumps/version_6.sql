BEGIN TRANSACTION;
CREATE TABLE answer (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	attempt_id INTEGER NOT NULL, 
	task_id INTEGER NOT NULL, 
	polling_id INTEGER NOT NULL, 
	question_id VARCHAR NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	phone VARCHAR NOT NULL, 
	result TEXT NOT NULL, 
	exten VARCHAR NOT NULL, 
	changed_us BIGINT NOT NULL
);
INSERT INTO "answer" VALUES(1,2,1000000001,1,'1','9520000001','+79520000001','да','1',1760000000010000);
INSERT INTO "answer" VALUES(2,3,1000000001,1,'1','9520000002','+79520000002','да','1',1760000000014000);
INSERT INTO "answer" VALUES(3,6,1000000001,1,'2','9520000005','+79520000005','нет, не доволен','2',1760000000020000);
INSERT INTO "answer" VALUES(4,7,1000000001,1,'2','9520000006','+79520000006','нет, не доволен','2',1760000000024000);
INSERT INTO "answer" VALUES(8,31,1000000005,1,'1','9522233446','79522233446','да','1',1760000000090000);
INSERT INTO "answer" VALUES(9,31,1000000005,1,'1','9522233446','79522233446','нет','1',1760000000091000);
INSERT INTO "answer" VALUES(10,31,1000000005,1,'1','9522233446','79522233446','может быть','1',1760000000092000);
INSERT INTO "answer" VALUES(11,32,1000000006,1,'message','9522233440','79522233440','a.wav','1',1760000000104000);
CREATE TABLE api_key (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	role VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	created_us BIGINT NOT NULL, 
	used_us BIGINT, 
	UNIQUE (name), 
	UNIQUE (digest)
);
INSERT INTO "api_key" VALUES(1,'crm','operator','8fa3aab2faa9b79e0a0398da5b5abd0780142442a5be80b9a64608d718cb1fcd',1760000000085000,NULL);
CREATE TABLE attempt (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	task_id INTEGER NOT NULL, 
	attempt_number INTEGER NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	phone VARCHAR NOT NULL, 
	params JSON, 
	state VARCHAR NOT NULL, 
	result VARCHAR, 
	cause TEXT, 
	out_dial_state VARCHAR, 
	in_dial_state VARCHAR, 
	linked_id VARCHAR, 
	verbose_call_id VARCHAR, 
	call_file VARCHAR, 
	changed_us BIGINT NOT NULL, 
	closed_us BIGINT, 
	recording VARCHAR, 
	client_id VARCHAR, 
	zone VARCHAR DEFAULT '' NOT NULL, 
	due_us BIGINT DEFAULT 0 NOT NULL, 
	until_us BIGINT, 
	held INTEGER DEFAULT 0 NOT NULL, 
	signalled INTEGER DEFAULT 0 NOT NULL, 
	unlisted INTEGER DEFAULT 0 NOT NULL, 
	callback INTEGER DEFAULT 0 NOT NULL, 
	caller_id VARCHAR, 
	talked_s INTEGER, 
	cost_u BIGINT, 
	not_before_us BIGINT DEFAULT 0 NOT NULL, 
	ring_timeout_s INTEGER, 
	employee VARCHAR, 
	employee_talked_s INTEGER, 
	employee_cost_u BIGINT, 
	UNIQUE (task_id, phone_id, attempt_number), 
	CONSTRAINT closed_with_result CHECK ((result IS NULL) = (closed_us IS NULL))
);
INSERT INTO "attempt" VALUES(1,1000000001,1,'9520000000','+79520000000',NULL,'afterDialOut',NULL,NULL,NULL,NULL,'1760000000.1','[C-00000001]','dialer-1000000001-+79520000000-опрос-7.call',1760000000006000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(2,1000000001,1,'9520000001','+79520000001','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 1"}','EVENT_POLLING',NULL,NULL,NULL,NULL,'1760000000.2','[C-00000002]','dialer-1000000001-+79520000001-опрос-7.call',1760000000009000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(3,1000000001,1,'9520000002','+79520000002',NULL,'EVENT_POLLING_END',NULL,NULL,NULL,NULL,'1760000000.3','[C-00000003]','dialer-1000000001-+79520000002-опрос-7.call',1760000000013000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(4,1000000001,1,'9520000003','+79520000003','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 3"}','CreateCallFile',NULL,NULL,NULL,NULL,NULL,NULL,'dialer-1000000001-+79520000003-опрос-7.call',1760000000015000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(5,1000000001,1,'9520000004','+79520000004',NULL,'CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000017000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(6,1000000001,1,'9520000005','+79520000005','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 5"}','EVENT_POLLING_END','SUCCESS_POLLING',NULL,NULL,'NOANSWER','1760000000.6','[C-00000006]','dialer-1000000001-+79520000005-опрос-7.call',1760000000021000,1760000000021000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(7,1000000001,1,'9520000006','+79520000006',NULL,'endCall','FAIL_POLLING',NULL,NULL,'NOANSWER','1760000000.7','[C-00000007]','dialer-1000000001-+79520000006-опрос-7.call',1760000000025000,1760000000025000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(8,1000000001,1,'9520000007','+79520000007','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 7"}','endCall','SUCCESS_CLIENT_H',NULL,NULL,'NOANSWER','1760000000.8','[C-00000008]','dialer-1000000001-+79520000007-опрос-7.call',1760000000028000,1760000000028000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(9,1000000001,1,'9520000008','+79520000008',NULL,'endCall','SUCCESS_USER_H',NULL,NULL,'NOANSWER','1760000000.9','[C-00000009]','dialer-1000000001-+79520000008-опрос-7.call',1760000000031000,1760000000031000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(10,1000000001,1,'9520000009','+79520000009','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 9"}','endCall','SUCCESS',NULL,NULL,'NOANSWER','1760000000.10','[C-0000000a]','dialer-1000000001-+79520000009-опрос-7.call',1760000000034000,1760000000034000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(11,1000000001,1,'9520000010','+79520000010',NULL,'endCall','SUCCESS_ANOTHER_PHONE',NULL,NULL,'NOANSWER','1760000000.11','[C-0000000b]','dialer-1000000001-+79520000010-опрос-7.call',1760000000037000,1760000000037000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(12,1000000001,1,'9520000011','+79520000011','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 11"}','endCall','SUCCESS_EXTERNAL_SIGNAL',NULL,NULL,'NOANSWER','1760000000.12','[C-0000000c]','dialer-1000000001-+79520000011-опрос-7.call',1760000000040000,1760000000040000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(13,1000000001,1,'9520000012','+79520000012',NULL,'allUserBusy','FAIL_USER_BUSY',NULL,NULL,'NOANSWER','1760000000.13','[C-0000000d]','dialer-1000000001-+79520000012-опрос-7.call',1760000000043000,1760000000043000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(14,1000000001,1,'9520000013','+79520000013','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 13"}','endCall','FAIL_USER_NO_ANSWER',NULL,NULL,'NOANSWER','1760000000.14','[C-0000000e]','dialer-1000000001-+79520000013-опрос-7.call',1760000000046000,1760000000046000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(15,1000000001,1,'9520000014','+79520000014',NULL,'endCall','FAIL_CLIENT_H_BEFORE_ANSWER',NULL,NULL,'NOANSWER','1760000000.15','[C-0000000f]','dialer-1000000001-+79520000014-опрос-7.call',1760000000049000,1760000000049000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(16,1000000001,1,'9520000015','+79520000015','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 15"}','endCall','FAIL_USER_H_BEFORE_CLIENT_ANSWER',NULL,NULL,'NOANSWER','1760000000.16','[C-00000010]','dialer-1000000001-+79520000015-опрос-7.call',1760000000052000,1760000000052000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(17,1000000001,1,'9520000016','+79520000016',NULL,'failedOriginate','FAIL_ROUTE','Занято: it''s "486"','BUSY',NULL,'1760000000.17','[C-00000011]','dialer-1000000001-+79520000016-опрос-7.call',1760000000055000,1760000000055000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(18,1000000001,1,'9520000017','+79520000017','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 17"}','failedOriginate','FAIL_PROVIDER','Занято: it''s "486"','BUSY',NULL,'1760000000.18','[C-00000012]','dialer-1000000001-+79520000017-опрос-7.call',1760000000058000,1760000000058000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(19,1000000001,1,'9520000018','+79520000018',NULL,'failedOriginate','FAIL','Занято: it''s "486"','BUSY',NULL,'1760000000.19','[C-00000013]','dialer-1000000001-+79520000018-опрос-7.call',1760000000061000,1760000000061000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(20,1000000001,1,'9520000019','+79520000019','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 19"}','CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000004000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(21,1000000002,1,'9520000000','+79520000000',NULL,'startDial',NULL,NULL,NULL,NULL,'1760000000.21','[C-00000015]','dialer-1000000002-+79520000000-201.call',1760000000065000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(22,1000000002,1,'9520000001','+79520000001','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 1"}','endCall','SUCCESS_CLIENT_H',NULL,NULL,'NOANSWER','1760000000.22','[C-00000016]','dialer-1000000002-+79520000001-201.call',1760000000068000,1760000000068000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(23,1000000002,1,'9520000002','+79520000002',NULL,'CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000062000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(24,1000000002,1,'9520000003','+79520000003','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 3"}','CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000062000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(25,1000000002,1,'9520000004','+79520000004',NULL,'CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000062000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(26,1000000003,1,'9520000000','+79520000000',NULL,'failedOriginate','FAIL','Занято: it''s "486"','BUSY',NULL,'1760000000.26','[C-0000001a]','dialer-1000000003-+79520000000-2200.call',1760000000073000,1760000000073000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(27,1000000003,1,'9520000001','+79520000001','{"\u0438\u043c\u044f": "\u0418\u0432\u0430\u043d \u2116 1"}','failedOriginate','FAIL','Занято: it''s "486"','BUSY',NULL,'1760000000.27','[C-0000001b]','dialer-1000000003-+79520000001-2200.call',1760000000076000,1760000000076000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(31,1000000005,1,'9522233446','79522233446','{"\u0438\u043c\u044f": "\u0410\u043d\u043d\u0430"}','EVENT_POLLING_END','SUCCESS_POLLING',NULL,NULL,'NOANSWER','1760000000.31','[C-0000001f]','dialer-1000000005-79522233446-1.call',1760000000093000,1760000000093000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(32,1000000006,1,'9522233440','79522233440','{"sent": "8 952 223-34-40", "description": "\u0434\u043e\u0433\u043e\u0432\u043e\u0440 \u2116 5", "client": "\u043a-5", "operator": "79001112233", "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435, \u0410\u043d\u043d\u0430", "voice": ""}, "voice": "male"}','EVENT_POLLING_END','SUCCESS_POLLING',NULL,NULL,'NOANSWER','1760000000.32','[C-00000020]','dialer-1000000006-79522233440-1.call',1760000000105000,1760000000105000,NULL,NULL,'',0,NULL,0,0,0,0,NULL,42,1250000,0,30,'79001112233',20,500000);
INSERT INTO "attempt" VALUES(33,1000000006,1,'9522233441','79522233441','{"sent": "8 952 223-34-40", "description": "\u0434\u043e\u0433\u043e\u0432\u043e\u0440 \u2116 5", "client": "\u043a-5", "operator": "79001112233", "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435, \u0410\u043d\u043d\u0430", "voice": ""}, "voice": "male"}','afterDialOut',NULL,NULL,NULL,NULL,'1760000000.33','[C-00000021]','dialer-1000000006-79522233441-1.call',1760000000107000,NULL,NULL,NULL,'',0,NULL,0,0,2,0,NULL,NULL,NULL,0,31,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(34,1000000006,1,'9522233442','79522233442','{"sent": "8 952 223-34-40", "description": "\u0434\u043e\u0433\u043e\u0432\u043e\u0440 \u2116 5", "client": "\u043a-5", "operator": "79001112233", "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435, \u0410\u043d\u043d\u0430", "voice": ""}, "voice": "male"}','failedOriginate','FAIL','Ended by the user',NULL,NULL,NULL,NULL,NULL,1760000000109000,1760000000109000,NULL,NULL,'',0,NULL,0,0,2,0,NULL,NULL,NULL,0,32,NULL,NULL,NULL);
INSERT INTO "attempt" VALUES(35,1000000006,1,'9522233443','79522233443','{"sent": "8 952 223-34-40", "description": "\u0434\u043e\u0433\u043e\u0432\u043e\u0440 \u2116 5", "client": "\u043a-5", "operator": "79001112233", "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435, \u0410\u043d\u043d\u0430", "voice": ""}, "voice": "male"}','CreateTask',NULL,NULL,NULL,NULL,NULL,NULL,NULL,1760000000100000,NULL,NULL,NULL,'',0,NULL,0,0,0,0,NULL,NULL,NULL,0,33,NULL,NULL,NULL);
CREATE TABLE audio (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR NOT NULL, 
	size_bytes BIGINT NOT NULL, 
	changed_us BIGINT NOT NULL, 
	owner VARCHAR DEFAULT '' NOT NULL, 
	UNIQUE (name)
);
INSERT INTO "audio" VALUES(1,'Привет.mp3',12345,1760000000083000,'');
INSERT INTO "audio" VALUES(2,'магазин|7',54321,1760000000099000,'магазин');
CREATE TABLE client (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	crm_id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	properties JSON NOT NULL, 
	changed_us BIGINT NOT NULL, 
	UNIQUE (crm_id)
);
INSERT INTO "client" VALUES(1,'к-1','Анна','{"\u0434\u043e\u043b\u0433": "1250,50 \u0440\u0443\u0431."}',1760000000084000);
CREATE TABLE client_phone (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	client_id INTEGER NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	phone VARCHAR NOT NULL, 
	UNIQUE (client_id, phone_id), 
	FOREIGN KEY(client_id) REFERENCES client (id) ON DELETE CASCADE
);
INSERT INTO "client_phone" VALUES(1,1,'9522233446','+79522233446');
INSERT INTO "client_phone" VALUES(2,1,'9522233416','79522233416');
CREATE TABLE dialled (
	day INTEGER NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	times INTEGER NOT NULL, 
	PRIMARY KEY (day, phone_id)
);
CREATE TABLE event (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	event_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	task_id INTEGER NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	url TEXT NOT NULL, 
	content JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	due_us BIGINT, 
	first_tried_us BIGINT, 
	tries INTEGER NOT NULL, 
	last_error TEXT, 
	dead_us BIGINT, 
	UNIQUE (event_id)
);
INSERT INTO "event" VALUES(2,'answer-9-53b047dda6ba0468','answer',1000000005,'9522233446','https://crm.example/hook?secret=1','{"id": 9, "attempt_id": 31, "task_id": 1000000005, "polling_id": 1, "question_id": "1", "phone_id": "9522233446", "phone": "79522233446", "result": "\u043d\u0435\u0442", "exten": "1", "changed_us": 1760000000091000, "crm_id": "\u0443\u0432\u0435\u0434\u043e\u043c\u0438\u0442\u044c"}',1760000000091000,0,NULL,1,'HTTP 410',1760000000000000);
INSERT INTO "event" VALUES(3,'answer-10-8ba7368495539d44','answer',1000000005,'9522233446','https://crm.example/hook?secret=1','{"id": 10, "attempt_id": 31, "task_id": 1000000005, "polling_id": 1, "question_id": "1", "phone_id": "9522233446", "phone": "79522233446", "result": "\u043c\u043e\u0436\u0435\u0442 \u0431\u044b\u0442\u044c", "exten": "1", "changed_us": 1760000000092000, "crm_id": "\u0443\u0432\u0435\u0434\u043e\u043c\u0438\u0442\u044c"}',1760000000092000,3520000000000000,1760000000000000,1,'нет ответа',NULL);
INSERT INTO "event" VALUES(4,'result-31-dac605eab8581008','result',1000000005,'9522233446','https://crm.example/hook?secret=1','{"id": 31, "task_id": 1000000005, "attempt_number": 1, "phone_id": "9522233446", "phone": "79522233446", "params": {"\u0438\u043c\u044f": "\u0410\u043d\u043d\u0430"}, "state": "EVENT_POLLING_END", "result": "SUCCESS_POLLING", "cause": null, "out_dial_state": null, "in_dial_state": "NOANSWER", "linked_id": "1760000000.31", "verbose_call_id": "[C-0000001f]", "call_file": "dialer-1000000005-79522233446-1.call", "changed_us": 1760000000093000, "closed_us": 1760000000093000, "recording": null, "client_id": null, "zone": "", "due_us": 0, "until_us": null, "held": 0, "signalled": 0, "unlisted": 0, "callback": 0, "caller_id": null, "talked_s": null, "cost_u": null, "not_before_us": 0, "ring_timeout_s": null, "employee": null, "employee_talked_s": null, "employee_cost_u": null, "next_due_us": null, "crm_id": "\u0443\u0432\u0435\u0434\u043e\u043c\u0438\u0442\u044c"}',1760000000093000,NULL,NULL,0,NULL,NULL);
INSERT INTO "event" VALUES(5,'progress-32-2ef58d86d81203ae','progress',1000000006,'9522233440','https://shop.example/notify?a=1','{"id": 32, "task_id": 1000000006, "attempt_number": 1, "phone_id": "9522233440", "phone": "79522233440", "params": {"sent": "8 952 223-34-40", "description": "\u0434\u043e\u0433\u043e\u0432\u043e\u0440 \u2116 5", "client": "\u043a-5", "operator": "79001112233", "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435, \u0410\u043d\u043d\u0430", "voice": ""}, "voice": "male"}, "state": "afterDialOut", "result": null, "cause": null, "out_dial_state": null, "in_dial_state": null, "linked_id": "1760000000.32", "verbose_call_id": "[C-00000020]", "call_file": "dialer-1000000006-79522233440-1.call", "changed_us": 1760000000102000, "closed_us": null, "recording": null, "client_id": null, "zone": "", "due_us": 0, "until_us": null, "held": 0, "signalled": 0, "unlisted": 0, "callback": 0, "caller_id": null, "talked_s": null, "cost_u": null, "not_before_us": 0, "ring_timeout_s": 30, "employee": null, "employee_talked_s": null, "employee_cost_u": null, "next_due_us": null, "first_id": 32, "crm_id": "votbox:0f", "progress": "dialled", "at_us": 1760000000102000, "details": {"shown": "74951112233"}}',1760000000102000,0,NULL,0,NULL,NULL);
INSERT INTO "event" VALUES(6,'progress-32-cbefcbdcaa631e65','progress',1000000006,'9522233440','https://shop.example/notify?a=1','{"id": 32, "task_id": 1000000006, "attempt_number": 1, "phone_id": "9522233440", "phone": "79522233440", "params": null, "state": "afterDialOut", "result": null, "cause": null, "out_dial_state": null, "in_dial_state": null, "linked_id": "1760000000.32", "verbose_call_id": "[C-00000020]", "call_file": "dialer-1000000006-79522233440-1.call", "changed_us": 1760000000102000, "closed_us": null, "recording": null, "client_id": null, "zone": "", "due_us": 0, "until_us": null, "held": 0, "signalled": 0, "unlisted": 0, "callback": 0, "caller_id": null, "talked_s": null, "cost_u": null, "not_before_us": 0, "ring_timeout_s": 30, "employee": null, "employee_talked_s": null, "employee_cost_u": null, "next_due_us": null, "first_id": 32, "crm_id": "votbox:0f", "progress": "key", "at_us": 1760000000103000, "details": {"key": "1"}}',1760000000103000,NULL,NULL,0,NULL,NULL);
INSERT INTO "event" VALUES(7,'mail-11-bc490df16685cb6e','mail',1000000006,'9522233440','mailto:a@shop.example','{"id": 11, "task_id": 1000000006, "phone_id": "9522233440", "phone": "79522233440", "result": "a.wav", "changed_us": 1760000000104000}',1760000000104000,0,NULL,0,NULL,NULL);
INSERT INTO "event" VALUES(8,'progress-32-18d1efe5f40e8cec','progress',1000000006,'9522233440','https://shop.example/notify?a=1','{"id": 32, "task_id": 1000000006, "attempt_number": 1, "phone_id": "9522233440", "phone": "79522233440", "params": null, "state": "EVENT_POLLING_END", "result": "SUCCESS_POLLING", "cause": null, "out_dial_state": null, "in_dial_state": "NOANSWER", "linked_id": "1760000000.32", "verbose_call_id": "[C-00000020]", "call_file": "dialer-1000000006-79522233440-1.call", "changed_us": 1760000000105000, "closed_us": 1760000000105000, "recording": null, "client_id": null, "zone": "", "due_us": 0, "until_us": null, "held": 0, "signalled": 0, "unlisted": 0, "callback": 0, "caller_id": null, "talked_s": 42, "cost_u": 1250000, "not_before_us": 0, "ring_timeout_s": 30, "employee": "79001112233", "employee_talked_s": 20, "employee_cost_u": 500000, "next_due_us": null, "first_id": 32, "crm_id": "votbox:0f", "progress": "ended", "at_us": 1760000000105000, "details": {}}',1760000000105000,NULL,NULL,0,NULL,NULL);
INSERT INTO "event" VALUES(9,'progress-34-eb983d76a0538d8d','progress',1000000006,'9522233442','https://shop.example/notify?a=1','{"id": 34, "task_id": 1000000006, "attempt_number": 1, "phone_id": "9522233442", "phone": "79522233442", "params": null, "state": "failedOriginate", "result": "FAIL", "cause": "Ended by the user", "out_dial_state": null, "in_dial_state": null, "linked_id": null, "verbose_call_id": null, "call_file": null, "changed_us": 1760000000109000, "closed_us": 1760000000109000, "recording": null, "client_id": null, "zone": "", "due_us": 0, "until_us": null, "held": 0, "signalled": 0, "unlisted": 2, "callback": 0, "caller_id": null, "talked_s": null, "cost_u": null, "not_before_us": 0, "ring_timeout_s": 32, "employee": null, "employee_talked_s": null, "employee_cost_u": null, "next_due_us": null, "first_id": 34, "crm_id": "votbox:0f", "progress": "ended", "at_us": 1760000000109000, "details": {}}',1760000000109000,0,NULL,0,NULL,NULL);
CREATE TABLE polling (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	crm_id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	UNIQUE (crm_id)
);
INSERT INTO "polling" VALUES(1,'опрос-7','Оценка «сервиса»');
INSERT INTO "polling" VALUES(2,'2','It''s the second');
CREATE TABLE question (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	polling_id INTEGER NOT NULL, 
	question_id VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	file TEXT, 
	lang VARCHAR NOT NULL, 
	next_question VARCHAR, 
	def_press VARCHAR, 
	timeout_ms INTEGER NOT NULL, 
	press JSON NOT NULL, 
	UNIQUE (polling_id, question_id), 
	FOREIGN KEY(polling_id) REFERENCES polling (id) ON DELETE CASCADE
);
INSERT INTO "question" VALUES(1,1,'1','Вы довольны, <имя>? Да - один, нет - два, «оператор» - ноль.',NULL,'ru-RU',NULL,NULL,5000,'[{"key": "1", "action": "answer", "value": "\u0434\u0430", "valueOptions": null, "nextQuestion": "2"}, {"key": "2", "action": "playback", "value": "\u0416\u0430\u043b\u044c", "valueOptions": "text", "nextQuestion": null}, {"key": "0", "action": "dial", "value": "201", "valueOptions": null, "nextQuestion": null}, {"key": "*", "action": "restart", "value": null, "valueOptions": null, "nextQuestion": null}]');
INSERT INTO "question" VALUES(2,1,'2','','/var/lib/autodialer/audio/спасибо.wav','ru-RU',NULL,'1',2500,'[{"key": "1", "action": "", "value": null, "valueOptions": null, "nextQuestion": null}]');
INSERT INTO "question" VALUES(3,2,'1','Вы довольны, <имя>? Да - один, нет - два, «оператор» - ноль.',NULL,'ru-RU',NULL,NULL,5000,'[{"key": "1", "action": "answer", "value": "\u0434\u0430", "valueOptions": null, "nextQuestion": "2"}, {"key": "2", "action": "playback", "value": "\u0416\u0430\u043b\u044c", "valueOptions": "text", "nextQuestion": null}, {"key": "0", "action": "dial", "value": "201", "valueOptions": null, "nextQuestion": null}, {"key": "*", "action": "restart", "value": null, "valueOptions": null, "nextQuestion": null}]');
CREATE TABLE receipt (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	caller VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	request_digest VARCHAR NOT NULL, 
	reply JSON NOT NULL, 
	created_us BIGINT NOT NULL, 
	UNIQUE (caller, "key")
);
INSERT INTO "receipt" VALUES(1,'key:crm','uuid','digest',1000000005,1760000000087000);
CREATE TABLE script (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	owner VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	listed INTEGER NOT NULL, 
	content JSON NOT NULL, 
	created_us BIGINT NOT NULL
);
INSERT INTO "script" VALUES(1,'магазин','Скидки',1,'{"greeting_from_list": false, "records_message": true, "message_to": "a@shop.example", "refusing_key": "9", "asks": true, "menu_repeats": 2, "goal_s": 0, "operators_ring_s": 45, "shows_subscriber": true, "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435", "voice": "female"}, "information": {"file": "\u043c\u0430\u0433\u0430\u0437\u0438\u043d|7", "text": "", "voice": ""}, "menu": {"file": "", "text": "\u041f\u043e\u0432\u0442\u043e\u0440\u0438\u0442\u044c - \u043e\u0434\u0438\u043d, \u043e\u043f\u0435\u0440\u0430\u0442\u043e\u0440 - \u043d\u043e\u043b\u044c", "voice": ""}, "final": null, "melody": null, "voice": null, "keys": [{"key": "1", "description": "\u043f\u043e\u0432\u0442\u043e\u0440\u0438\u0442\u044c", "action": 1, "repeats": 2, "telephones": []}, {"key": "0", "description": "\u043e\u043f\u0435\u0440\u0430\u0442\u043e\u0440", "action": 2, "repeats": 0, "telephones": ["201", "79001112233"]}], "automatic": null, "goal": 4, "task_defaults": {"lines": 3}}',1760000000097000);
INSERT INTO "script" VALUES(2,'магазин','Только для одной задачи',0,'{"greeting_from_list": false, "records_message": true, "message_to": "a@shop.example", "refusing_key": "9", "asks": true, "menu_repeats": 2, "goal_s": 0, "operators_ring_s": 45, "shows_subscriber": true, "greeting": {"file": "", "text": "\u0417\u0434\u0440\u0430\u0432\u0441\u0442\u0432\u0443\u0439\u0442\u0435", "voice": "female"}, "information": {"file": "\u043c\u0430\u0433\u0430\u0437\u0438\u043d|7", "text": "", "voice": ""}, "menu": {"file": "", "text": "\u041f\u043e\u0432\u0442\u043e\u0440\u0438\u0442\u044c - \u043e\u0434\u0438\u043d, \u043e\u043f\u0435\u0440\u0430\u0442\u043e\u0440 - \u043d\u043e\u043b\u044c", "voice": ""}, "final": null, "melody": null, "voice": null, "keys": [{"key": "1", "description": "\u043f\u043e\u0432\u0442\u043e\u0440\u0438\u0442\u044c", "action": 1, "repeats": 2, "telephones": []}, {"key": "0", "description": "\u043e\u043f\u0435\u0440\u0430\u0442\u043e\u0440", "action": 2, "repeats": 0, "telephones": ["201", "79001112233"]}], "automatic": null, "goal": 4, "task_defaults": {"lines": 3}}',1760000000098000);
CREATE TABLE session (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	digest VARCHAR NOT NULL, 
	login VARCHAR NOT NULL, 
	password_mark VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
	created_us BIGINT NOT NULL, 
	expires_us BIGINT NOT NULL, 
	UNIQUE (digest)
);
INSERT INTO "session" VALUES(1,'e3316e2bafebb6103a3418e8778c0adc960d40213a03a7e7f4fcd3426ed807bf','admin','mark','192.0.2.1',1760000000086000,1760003600086000);
CREATE TABLE stop_number (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	task_id INTEGER NOT NULL, 
	phone_id VARCHAR NOT NULL, 
	phone VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	created_us BIGINT NOT NULL, 
	UNIQUE (task_id, phone_id)
);
CREATE TABLE task (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	crm_id VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	state INTEGER NOT NULL, 
	inner_num VARCHAR NOT NULL, 
	inner_num_type VARCHAR NOT NULL, 
	max_count_channels INTEGER NOT NULL, 
	dial_prefix VARCHAR NOT NULL, 
	changed_us BIGINT NOT NULL, 
	record_talk INTEGER DEFAULT 0 NOT NULL, 
	notify_url TEXT, 
	rules JSON DEFAULT '{}' NOT NULL, 
	spent_u BIGINT DEFAULT 0 NOT NULL, 
	owner VARCHAR DEFAULT '' NOT NULL, 
	UNIQUE (crm_id)
);
INSERT INTO "task" VALUES(1000000001,'обзвон-1','Опрос клиентов',0,'опрос-7','polling',3,'8',1760000000004000,0,NULL,'{}',0,'');
INSERT INTO "task" VALUES(1000000002,'1000000002','Приостановлена',2,'201','exten',3,'8',1760000000069000,0,NULL,'{}',0,'');
INSERT INTO "task" VALUES(1000000003,'closed','Закрыта',1,'2200','exten',3,'8',1760000000077000,0,NULL,'{}',0,'');
INSERT INTO "task" VALUES(1000000005,'уведомить','',0,'1','polling',1,'',1760000000087000,1,'https://crm.example/hook?secret=1','{}',0,'');
INSERT INTO "task" VALUES(1000000006,'votbox:0f','Распродажа',0,'1','script',1,'',1760000000100000,0,'https://shop.example/notify?a=1','{"tells_progress": true, "breakable": true, "success_after_s": 30, "ring_timeout_s": 40, "not_before_us": 1760000000000000, "schedule": [[8, 600, 1440]]}',1750000,'магазин');
CREATE INDEX answer_attempt ON answer (attempt_id);
CREATE INDEX answer_changed ON answer (changed_us, id);
CREATE INDEX ix_answer_task_id ON answer (task_id);
CREATE INDEX attempt_changed ON attempt (changed_us, id) WHERE state != 'CreateTask';
CREATE INDEX attempt_client ON attempt (task_id, client_id) WHERE closed_us IS NULL AND client_id IS NOT NULL;
CREATE INDEX attempt_in_progress ON attempt (task_id) WHERE state != 'CreateTask' AND closed_us IS NULL;
CREATE INDEX attempt_ready ON attempt (task_id, held, zone, due_us, id) WHERE state = 'CreateTask' AND closed_us IS NULL;
CREATE INDEX attempt_until ON attempt (until_us) WHERE state = 'CreateTask' AND closed_us IS NULL AND until_us IS NOT NULL;
CREATE INDEX event_age ON event (url, created_us) WHERE dead_us IS NULL;
CREATE INDEX event_dead ON event (id) WHERE dead_us IS NOT NULL;
CREATE INDEX event_due ON event (url, due_us) WHERE dead_us IS NULL AND due_us IS NOT NULL;
CREATE INDEX event_number ON event (url, task_id, phone_id, id) WHERE dead_us IS NULL;
CREATE INDEX ix_receipt_created_us ON receipt (created_us);
CREATE INDEX ix_script_owner ON script (owner);
CREATE INDEX ix_session_expires_us ON session (expires_us);
CREATE INDEX stop_phone ON stop_number (phone_id);
CREATE INDEX ix_task_state ON task (state);
CREATE INDEX ix_client_phone_client_id ON client_phone (client_id);
CREATE INDEX ix_client_phone_phone_id ON client_phone (phone_id);
CREATE INDEX ix_question_polling_id ON question (polling_id);
CREATE TRIGGER attempt_is_final BEFORE UPDATE ON attempt WHEN OLD.closed_us IS NOT NULL BEGIN SELECT RAISE(ABORT, 'the attempt already has its result'); END;
CREATE TRIGGER attempt_values BEFORE UPDATE OF state, result ON attempt WHEN NEW.state NOT IN ('CreateTask', 'CreateCallFile', 'afterDialOut', 'startDial', 'EVENT_POLLING', 'EVENT_POLLING_END', 'endCall', 'failedOriginate', 'allUserBusy') OR NEW.result NOT IN ('SUCCESS_POLLING', 'FAIL_POLLING', 'SUCCESS_CLIENT_H', 'SUCCESS_USER_H', 'SUCCESS', 'SUCCESS_ANOTHER_PHONE', 'SUCCESS_EXTERNAL_SIGNAL', 'FAIL_USER_BUSY', 'FAIL_USER_NO_ANSWER', 'FAIL_CLIENT_H_BEFORE_ANSWER', 'FAIL_USER_H_BEFORE_CLIENT_ANSWER', 'FAIL_ROUTE', 'FAIL_PROVIDER', 'FAIL') BEGIN SELECT RAISE(ABORT, 'no such state or result'); END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('task',1000000006);
INSERT INTO "sqlite_sequence" VALUES('polling',3);
INSERT INTO "sqlite_sequence" VALUES('question',5);
INSERT INTO "sqlite_sequence" VALUES('attempt',35);
INSERT INTO "sqlite_sequence" VALUES('answer',11);
INSERT INTO "sqlite_sequence" VALUES('audio',2);
INSERT INTO "sqlite_sequence" VALUES('client',1);
INSERT INTO "sqlite_sequence" VALUES('client_phone',2);
INSERT INTO "sqlite_sequence" VALUES('api_key',1);
INSERT INTO "sqlite_sequence" VALUES('session',1);
INSERT INTO "sqlite_sequence" VALUES('receipt',1);
INSERT INTO "sqlite_sequence" VALUES('event',9);
INSERT INTO "sqlite_sequence" VALUES('script',2);
COMMIT;
PRAGMA user_version = 6;
