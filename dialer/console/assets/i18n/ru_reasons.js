// Why nothing, or this number, is dialled, and when that is looked at next: dialer/model/why.py and whoever it asks.
import { causeInRussian } from "./ru_causes.js";
import ru from "./ru.js";
import { sayerOf, whole } from "./said.js";

const WEEKDAYS = { Mondays: "понедельникам", Tuesdays: "вторникам", Wednesdays: "средам", Thursdays: "четвергам", Fridays: "пятницам", Saturdays: "субботам", Sundays: "воскресеньям" };
const HINTS = { unknown: "неизвестно", "in use": "говорит", busy: "занят", unavailable: "недоступен", ringing: "звонит", "on hold": "на удержании" };
const cause = (text) => causeInRussian(text) ?? text;
const outcome = (name) => ru[`outcome.${name}`] ?? name;
const state = (name) => ru[`attempt.${name}`] ?? name;
const waiting = (count) => `ждут номеров: ${many(count)}`;
const many = (count) => count.replace(/^more than /, "больше ");
const hints = (words) => words.split(" and ").map((one) => HINTS[one] ?? one).join(", ");

const say = (text) => REASONS(text) ?? causeInRussian(text) ?? text;

/** @type {(text: string) => string | null} */
const REASONS = sayerOf([
  // a number's place in front of what holds the whole task, and its end behind what holds the number
  [/^(.*); its lifetime is over before that, (.*)$/, (reason, time) => `${say(reason)}; но раньше истечёт его срок: ${time}`],
  [/^(\S+) waits, (.*) before it; (.*)$/, (phone, count, reason) => `${phone} ждёт, перед ним ${many(count)}; ${say(reason)}`],
  [/^(\S+) waits, (.*) before it$/, (phone, count) => `${phone} ждёт, перед ним ${many(count)}`],
  // of a number
  [/^(\S+) is not in the task's list$/, (phone) => `${phone} нет в списке задачи`],
  [/^(\S+) is finished: (\w+) \((.*)\), ([^,]*)$/, (phone, result, why, time) => `${phone} завершён: ${outcome(result)} (${cause(why)}), ${time}`],
  [/^(\S+) is finished: (\w+), (.*)$/, (phone, result, time) => `${phone} завершён: ${outcome(result)}, ${time}`],
  [/^(\S+) is in progress: (\w+) since (.*)$/, (phone, name, time) => `на ${phone} звонят: ${state(name)}, с ${time}`],
  [/^(\S+) waits for its time: (.*)$/, (phone, time) => `${phone} ждёт своего времени: ${time}`],
  [/^(\S+) waits for (\S+), another number of the same client$/, (phone, other) => `${phone} ждёт, пока звонят на ${other}: это номер того же клиента`],
  [/^(\S+) has been called (once|\d+ times) today, (\d+) (?:is|are) allowed$/, (phone, times, most) => `на ${phone} сегодня звонили: ${times === "once" ? 1 : parseInt(times, 10)}, разрешено ${most}`],
  [/^none of the numbers that wait may be called now: (.*)$/, (why) => `никому из ожидающих сейчас звонить нельзя: ${say(why)}`],
  [/^(\S+) may not be called now: (.*)$/, (phone, why) => `на ${phone} сейчас звонить нельзя: ${say(why)}`],
  // hours
  [/^(.*), it is (\d\d:\d\d) in (\S+)$/, (hours, time, zone) => `${say(hours)}, там ${time} (${zone})`],
  [/^(.*), and (the windows? .*) of the next day$/, (off, hours) => `${say(off)}; на следующий день ${say(hours)}`],
  [/^the windows? (?:is|are) (.*)$/, (hours) => `звонить можно ${hours.split(", ").map((one) => one.replace(/^(\S+) to (\S+)$/, "с $1 до $2")).join(", ")}`],
  [/^(\S+) is a holiday$/, (day) => `${day} праздник`],
  [/^not on (\w+)$/, (day) => `по ${WEEKDAYS[day] ?? day} не звонят`],
  [/^the task begins (.*) in (\S+)$/, (time, zone) => `задача начнётся ${time} (${zone})`],
  // of a task
  [/^the task is closed \(state 1\): by the CRM, (.*) numbers? waits?, (\d+) calls? (?:is|are) in progress$/, (count, calls) => `задача остановлена, не набраны: ${many(count)}, идёт звонков: ${calls}`],
  [/^the task is closed \(state 1\): every number is finished$/, () => "задача завершена: по всем номерам есть итог"],
  [/^the task is paused \(state 2\)$/, () => "задача на паузе"],
  [/^the task is paused \(state 2\): its calls have cost (\S+), maxCost is (\S+)$/, (cost, most) => `задача на паузе: её звонки обошлись в ${cost}, бюджет ${most}`],
  [/^no number waits: (\d+) in progress, all others are finished$/, (calls) => `никто не ждёт: идёт звонков: ${calls}, остальные завершены`],
  [/^no number waits: all are finished, or the list is empty$/, () => "никто не ждёт: все завершены или список пуст"],
  [/^(\d+) channels? (?:is|are) in use, maxCountChannels of the task is (\d+)$/, (used, most) => `занято каналов: ${used}, у задачи их ${most}`],
  [/^each number that waits does so for another number of the same client, which is being called$/, () => "каждый ожидающий номер ждёт, пока звонят на другой номер того же клиента"],
  [/^all numbers that wait do so for their time: [^:]*?(?:, the next at (.*))?$/, (time) => `все ожидающие номера ждут своего времени: следующей попытки, заданного часа или следующего дня${time ? `; ближайший в ${time}` : ""}`],
  [/^dialling: nothing holds the next call back, (.*) numbers? waits?$/, (count) => `обзвон идёт: следующему звонку ничто не мешает, ${waiting(count)}`],
  // of employees
  [/^nobody at internal number (\S+) can take a call(?:: (.*))?$/, (number, why) => `на внутреннем номере ${number} некому принять звонок${why ? `: ${say(why)}` : ""}`],
  [/^not looked at yet$/, () => "ещё не проверено"],
  [/^there is no extension (\S+) in (\S+)$/, (number, context) => `в ${context} нет номера ${number}`],
  [/^none of the (\d+) members of queue (\S+) is free$/, (count, queue) => `в очереди ${queue} никто не свободен (участников: ${count})`],
  [/^away \(UserBuddyStatus (.*)\)$/, (status) => `отошёл (статус ${status})`],
  [/^the hint says (.*)$/, (words) => `телефон сообщает: ${hints(words)}`],
  [/^(\d+) free employees?, (\d+) calls? on their way$/, (free, calls) => `свободных сотрудников: ${free}, звонков в пути: ${calls}`],
  [/^progressive: (.*)$/, (now) => `по одному на свободного: ${say(now)}`],
  [/^power, (\S+) calls for each: (.*)$/, (ratio, now) => `по ${ratio} на свободного: ${say(now)}`],
  [/^predictive fell back to progressive: (.*); (.*)$/, (why, now) => `пока по одному на свободного: ${say(why)}; ${say(now)}`],
  [/^predictive: (.*); answer rate (.*), abandon rate (.*), a talk takes (\S+) s, subscribers wait (\S+) s$/,
    (now, answered, abandoned, talk, wait) => `по измерениям: ${say(now)}; отвечают ${answered}, не дожидаются ${abandoned}, разговор ${talk} с, ждут ${wait} с`],
  [/^(\d+) employees? on duty, (\d+) needed$/, (count, needed) => `сотрудников на месте: ${count}, нужно ${needed}`],
  [/^data are few: (\d+) answered calls?, (\d+) needed$/, (count, needed) => `мало данных: отвечено звонков ${count}, нужно ${needed}`],
  [/^data are few: (\d+) ended talks?, (\d+) needed$/, (count, needed) => `мало данных: окончено разговоров ${count}, нужно ${needed}`],
  [/^abandon rate (.*) over the last (\d+) min, at most (.*)$/, (rate, minutes, most) => `за последние ${minutes} мин не дождались ${rate}, разрешено ${most}`],
  // limits
  [/^(.*), of all tasks$/, (why) => `${say(why)}, для всех задач`],
  [/^(\d+) channels? (?:is|are) in use by all tasks, \[dialing\] max_channels allows (\d+)$/, (used, most) => `все задачи заняли каналов: ${used}, разрешено ${most} ([dialing] max_channels)`],
  [/^(\d+) calls? (?:is|are) in progress, (.*) allows (\d+)$/, (used, who, most) => `идёт звонков: ${used}, ${limit(who)} разрешает ${most}`],
  [/^Asterisk's events come late$/, () => "события Asterisk опаздывают"],
  [/^Asterisk has yet to take up (\d+) call files$/, (count) => `Asterisk ещё не взял файлы вызова: ${count}`],
  [/^(.*) allows (\S+) calls a second$/, (who, rate) => `${limit(who)} разрешает звонков в секунду: ${rate}`],
  [/^(.*): (.*), slowed down to (\S+) calls a second$/, (who, why, rate) => `${limit(who)}: ${say(why)}, поэтому звонков в секунду: ${rate}`],
  [/^Asterisk took (\S+) s to begin a call$/, (time) => `Asterisk начинал звонок ${time} с`],
  // of the daemon, of Asterisk
  [/^the daemon is stopping: (\d+) calls in progress are watched to their end, none begins$/, (calls) => `автообзвон останавливается: идёт звонков: ${calls}, новые не начинаются`],
  [/^nothing can be stored: (.*)$/, (why) => `сохранить ничего нельзя: ${say(why)}`],
  [/^(.*)\bthe disk is full(.*)$/, (before, after) => `${before}диск заполнен${after}`],
  [/^the database (.*) failed: (.*)$/, (file, why) => `сбой базы ${file}: ${why}`],
  [/^call files come back without a claim: .* FastAGI at (.*)\?$/, (address) => `файлы вызова возвращаются ненабранными: берёт ли их Asterisk из [asterisk] spool_dir, подключён ли наш диалплан, доступен ли FastAGI на ${address}?`],
  [/^a call file came back unclaimed: .* FastAGI at (.*)\?$/, (address) => `файл вызова вернулся ненабранным: берёт ли их Asterisk из [asterisk] spool_dir, подключён ли наш диалплан, доступен ли FastAGI на ${address}?`],
  [/^the last (\d+) finished numbers all ended (\w+)(?:: (.*))?$/, (count, result, why) => `последние номера (${count}) кончились одинаково: ${outcome(result)}${why ? `, ${cause(why)}` : ""}`],
  [/^the last dialogue of the daemon could not be held: (.*)$/, (why) => `последний разговор не удалось провести: ${say(why)}`],
  [/^task (\d+): (.*)$/, (id, why) => `задача ${id}: ${say(why)}`],
  [/^a prompt cannot be played(?:: (.*))?$/, (why) => `фразу не удаётся проиграть${why ? `: ${say(why)}` : ""}`],
  [/^Asterisk cannot play (.*): does it see the file\?$/, (file) => `Asterisk не проигрывает ${file}: виден ли ему файл?`],
  [/^the answer to question '(.*)' could not be stored$/, (id) => `ответ на вопрос ${id} не удалось сохранить`],
  [/^(\[audio\] recordings_dir: )?Asterisk does not record(?: to (.*))?$/, (_setting, folder) => `Asterisk не записывает разговоры${folder ? ` в ${folder}` : ""}`],
  [/^Asterisk: away \(AMI (\S+): (.*)\)$/, (address, problem) => `нет связи с Asterisk (AMI ${address}: ${connection(problem)})`],
  [/^Asterisk: looking for calls in progress(?:: (.*))?$/, (why) => `Asterisk: проверяются текущие звонки${why ? `: ${why}` : ""}`],
  [/^Asterisk: the dialplan is not this version's: .*$/, () => "Asterisk: диалплан не той версии: подключите dialplan/extensions_autodialer.conf и выполните «dialplan reload»"],
  [/^Asterisk: there is no context (\S+): see (.*)$/, (context, settings) => `Asterisk: нет контекста ${context}, см. ${settings}`],
  [/^Asterisk: modules are not loaded: (.*)$/, (modules) => `Asterisk: не загружены модули: ${modules}`],
  ...whole({
    "Asterisk is not ready": "Asterisk не готов",
    "Asterisk: login refused, see [ami] username, secret": "Asterisk отказал во входе, см. [ami] username, secret",
    "Asterisk: booting (or our AMI user lacks read = system, see manager_autodialer.conf)": "Asterisk запускается (или нашему пользователю AMI не хватает права read = system, см. manager_autodialer.conf)",
  }),
]);

const limit = (name) => name.replace(/^task (\d+)$/, "задача $1").replace(/^trunk (.*)$/, "линия $1").replace("линия of the other numbers", "линия остальных номеров").replace("the delay of Asterisk's events", "задержка событий Asterisk");
const connection = (problem) => (/Errno 111|refused/i.test(problem) ? "соединение не принято" : /timed? ?out|no answer/i.test(problem) ? "не отвечает" : /not connected/i.test(problem) ? "не соединено" : problem);

const NEXT = sayerOf(whole({
  "when the CRM posts a list with this number": "когда CRM пришлёт список с этим номером",
  "never: a number has one result": "никогда: у номера один итог",
  "when its call ends": "когда звонок закончится",
  "when the CRM sets state 0 or posts the task anew": "когда задачу запустят снова",
  "when the CRM sets state 0 and a higher maxCost": "когда задачу запустят с большим бюджетом",
  "when the CRM sets state 0": "когда задачу запустят",
  "when the daemon is started again": "когда автообзвон запустят снова",
  "every second": "каждую секунду",
  "when the AMI connection is ready": "когда будет связь по AMI",
  "when the AMI connection is back: tried every second": "когда вернётся связь по AMI: попытка каждую секунду",
  "when the login is accepted: tried every second": "когда Asterisk примет вход: попытка каждую секунду",
  "when Asterisk says that it is fully booted": "когда Asterisk сообщит, что запустился",
  "when what is said here is mended: looked at every few seconds": "когда это исправят: проверка каждые несколько секунд",
  "when Asterisk has answered, in moments": "когда Asterisk ответит, через мгновения",
  "when a call of any task ends": "когда закончится звонок любой задачи",
  "when the pause after it is over, with the next call file": "после паузы, со следующим файлом вызова",
  "when the next call may begin": "когда сможет начаться следующий звонок",
  "with the next call file": "со следующим файлом вызова",
  "when a call of the task ends; the last one closes the task": "когда закончится звонок задачи; последний её завершит",
  "at once: the task is being closed": "сейчас же: задача завершается",
  "when a call of the task ends": "когда закончится звонок задачи",
  "when a call of the trunk ends": "когда закончится звонок этой линии",
  "when its next call may begin": "когда линия сможет начать звонок",
  "when the call to that one has ended, if nobody was reached": "когда закончится тот звонок, если не дозвонились",
  "when the next day begins": "когда начнётся следующий день",
  "when its lifetime is over: it ends without a call": "когда истечёт срок: номер завершится без звонка",
  "when the window opens": "когда настанет время для звонков",
  "at that time": "в это время",
  "when an employee becomes free, or a call ends unanswered": "когда освободится сотрудник или кто-то не ответит",
  "every 30 s, and on Asterisk's events of its state": "каждые 30 с и по сообщениям Asterisk",
  "with each call: dialling goes on": "с каждым звонком: обзвон продолжается",
  "with the next dialogue: dialling goes on": "со следующим разговором: обзвон продолжается",
  "with the next talk: dialling goes on": "со следующим разговором: обзвон продолжается",
  "when a channel of the task is free": "когда освободится канал задачи",
  "with each call": "с каждым звонком",
}));

/** @param {string} text */
export const reasonInRussian = (text) => REASONS(text) ?? NEXT(text);
