// The server speaks English, to programs and their authors. What a user is likely to be told of a form is known here in
// the words of the form; the rest is shown as it came, which is better than nothing.
const VALUES = String.raw`(?:, got ([\s\S]*))?`;
const got = (value) => (value === undefined ? "" : `, а здесь ${value}`);

/** @type {[RegExp, (...groups: string[]) => string][]} */
const RUSSIAN = [
  [/^missing$/, () => "не заполнено"],
  [/^missing, and there is no questionFile$/, () => "нужен текст или звуковой файл"],
  [/^missing, nothing to play$/, () => "не сказано, что проиграть"],
  [/^a key is listed twice$/, () => "клавиша указана дважды"],
  [/^not one of the keys$/, () => "такой клавиши у вопроса нет"],
  [/^a questionId is given twice$/, () => "код вопроса указан дважды"],
  [new RegExp(`^1 to (\\d+) seconds expected${VALUES}$`), (most, value) => `нужно от 1 до ${most} секунд${got(value)}`],
  [new RegExp(`^(?:a )?whole number(?: of)? (\\S+) to (\\S+) expected${VALUES}$`), (least, most, value) => `нужно целое число от ${least} до ${most}${got(value)}`],
  [new RegExp(`^a whole number expected${VALUES}$`), (value) => `нужно целое число${got(value)}`],
  [new RegExp(`^a number expected${VALUES}$`), (value) => `нужно число${got(value)}`],
  [new RegExp(`^(?:a number of )?(\\S+) to (\\S+) expected${VALUES}$`), (least, most, value) => `нужно число от ${least} до ${most}${got(value)}`],
  [new RegExp(`^(\\S+) or more expected${VALUES}$`), (least, value) => `нужно не меньше ${least}${got(value)}`],
  [new RegExp(`^(\\S+) or less expected${VALUES}$`), (most, value) => `нужно не больше ${most}${got(value)}`],
  [new RegExp(`^(\\d+) characters at most expected${VALUES}$`), (most, value) => `не длиннее ${most} символов${got(value)}`],
  [/^(\d+) to (\d+) characters expected$/, (least, most) => `нужно от ${least} до ${most} символов`],
  [new RegExp(`^1 to (\\d+) of 0-9 \\* # expected${VALUES}$`), (most, value) => `нужно от 1 до ${most} знаков из 0-9 * #${got(value)}`],
  [new RegExp(`^1 to 60 letters, digits, (.+) expected${VALUES}$`), (marks, value) => `нужно от 1 до 60 латинских букв, цифр, ${marks}${got(value)}`],
  [new RegExp(`^(?:.*telephone number.*) expected${VALUES}$`), (value) => `нужен номер телефона${got(value)}`],
  [/^there is no polling '(.*)'$/, (name) => `опроса ${name} нет`],
  [/^no title$/, () => "нет заголовка"],
  [/^no header that names the columns$/, () => "нет строки с названиями столбцов"],
  [/^the title '(.*)' stands a second time$/, (title) => `заголовок ${title} повторяется`],
  [new RegExp(`^a title of (\\d+) characters at most without < and > expected${VALUES}$`), (most, value) => `нужен заголовок не длиннее ${most} символов без < и >${got(value)}`],
  [/^there is no task '(.*)'$/, (name) => `задачи ${name} нет`],
  [/^there is a user '(.*)' already$/, (name) => `пользователь ${name} уже есть`],
  [/^there is a key '?(.*?)'? already$/, (name) => `ключ ${name} уже есть`],
  [/^a task of the VotBox API that is closed is over and cannot go on$/, () => "закрытое задание API VotBox закончено, продолжить его нельзя"],
  [/^no telephone number$/, () => "нет номера телефона"],
  [/^no telephone number in it$/, () => "в файле нет ни одного номера"],
  [/^the same as timeStart, (\S+): the window would never open$/, () => "совпадает с началом: время для звонков никогда не наступит"],
  [/^message needs amdMessage or amdMessageFile$/, () => "чтобы оставить сообщение, нужен его текст"],
  [/^not together with isCallback: .*$/, () => "не сочетается со звонком сначала сотруднику"],
  [/^only progressive together with isCallback: .*$/, () => "если сначала звонят сотруднику, годится только «по одному на свободного»"],
  [/^webhooks are signed, and \[webhooks\] secret is not set .*$/, () => "уведомления подписываются, а ключ подписи не задан (dialer webhooks new-secret)"],
];

/** @type {[RegExp, (...groups: string[]) => string][]} */
const ENGLISH = [
  [/^missing$/, () => "must be filled in"],
  [/^missing, and there is no questionFile$/, () => "a text or a sound file is needed"],
  [/^missing, nothing to play$/, () => "there is nothing to play"],
];
const WORDS = { en: ENGLISH, ru: RUSSIAN };

/** Where a message begins with the place it is about: `innerNum: …`. */
const PLACED = /^([A-Za-z][\w.[\]]*): ([\s\S]+)$/;

export function translateMessage(message, lang) {
  const [, place, reason] = PLACED.exec(message) ?? [null, "", message];
  for (const [pattern, words] of WORDS[lang]) {
    const found = pattern.exec(reason);
    if (found) return `${place ? `${place}: ` : ""}${words(...found.slice(1))}`;
  }
  return message;
}
