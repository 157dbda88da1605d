// Why a call ended as it did: dialer/model/verdict.py, dialer/store/finishing.py. Codes stay: a provider is asked by them.
import { sayerOf, whole } from "./said.js";

const SIP = {
  400: "запрос не принят", 401: "нужен вход", 402: "нужна оплата", 403: "запрещено", 404: "нет такого номера", 407: "нужен вход на прокси",
  408: "нет ответа вовремя", 410: "номера больше нет", 480: "временно недоступен", 484: "номер неполный", 486: "занято", 487: "вызов отменён",
  488: "не подходит кодек", 500: "ошибка сервера", 502: "ошибка шлюза", 503: "линия недоступна", 504: "сервер не ответил вовремя", 600: "везде занято",
  603: "отклонён", 604: "такого номера нет нигде", 607: "не желает звонков",
};
const Q850 = {
  1: "нет такого номера", 3: "нет маршрута", 16: "обычное завершение", 17: "занято", 18: "не отвечает", 19: "нет ответа", 20: "недоступен", 21: "отклонён",
  22: "номер изменился", 27: "линия не работает", 28: "неверный номер", 34: "нет свободной линии", 38: "сеть не работает", 42: "станция перегружена", 127: "другая сеть",
};
const coded = (names, kind) => (code) => (names[code] ? `${names[code][0].toUpperCase()}${names[code].slice(1)} (${kind} ${code})` : `Код ${kind} ${code}`);

export const causeInRussian = sayerOf([
  [/^SIP (\d+)(?: .*)?$/, coded(SIP, "SIP")],
  [/^Q\.850 (\d+)(?: .*)?$/, coded(Q850, "Q.850")],
  [/^Queue (\w+), no member was free$/, (status) => `Очередь: никто не свободен (${status})`],
  [/^Queue (\w+)$/, (status) => `Очередь не соединила (${status})`],
  ...whole({
    "No answer": "Нет ответа",
    "No answer: the routes had not dialled yet": "Нет ответа: маршрут ещё не набирал",
    "No outgoing route": "Нет исходящего маршрута",
    "No reply from the provider, no ringing seen": "Провайдер не ответил, гудков не было",
    "No reply from the employee's telephone": "Телефон сотрудника не ответил",
    "No such internal number": "Нет такого внутреннего номера",
    "No trace of the answered leg": "Нет следов разговора",
    "No trace of the subscriber's leg": "Нет следов звонка абоненту",
    "Nobody can say what became of the call": "Чем кончился звонок, неизвестно",
    "The internal number called nobody": "Внутренний номер никому не позвонил",
    "Abandoned: no employee was free": "Не нашлось свободного сотрудника",
    "Abandoned: no employee was free, apology played": "Не нашлось свободного сотрудника, принесены извинения",
    "Answering machine": "Автоответчик",
    "Answering machine: message left": "Автоответчик: сообщение оставлено",
    "Answering machine: no end of its greeting, no message left": "Автоответчик: приветствие не кончилось, сообщение не оставлено",
    "Answering machine: no message left, dialogue service not reachable": "Автоответчик: сообщение не оставлено, служба диалогов недоступна",
    "Answering machine: the message could not be played": "Автоответчик: сообщение не удалось проиграть",
    "Answering machine: the message was broken off, the dialer stopped": "Автоответчик: сообщение прервано, автообзвон остановлен",
    "Answering machine: hung up before the end of the message": "Автоответчик: линия прервалась до конца сообщения",
    "A prompt could not be played": "Фразу не удалось проиграть",
    "An answer could not be stored": "Ответ не удалось сохранить",
    "Cut: the call lasted as long as any may": "Прерван: звонок длился дольше, чем разрешено",
    "Dialogue broken off: the dialer or Asterisk stopped": "Диалог прерван: остановлен автообзвон или Asterisk",
    "Dialogue service not reachable": "Служба диалогов недоступна",
    "Lost: Asterisk or the dialer stopped during the call, its end was not seen": "Потерян: во время звонка остановлен Asterisk или автообзвон, его конца никто не видел",
    "Refused: the subscriber pressed the key for that": "Отказ: абонент нажал клавишу отказа",
    "The dialogue ended without its goal": "Диалог закончился, не достигнув цели",
    "Stop list": "Стоп-лист",
    "Ended by the user": "Завершён пользователем",
    "Lifetime over: timeCallUntil has passed": "Срок номера истёк",
  }),
  [/^Lost: the database was restored.*$/, () => "Потерян: база восстановлена из копии, звонил ли этот номер, неизвестно"],
]);
