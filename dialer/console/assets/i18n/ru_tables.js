// What is wrong with a table of numbers: dialer/api/sheets, dialer/api/mikopbx/phone_table.py, dialer/dispatch/numbering.py.
import { expected } from "./ru_expected.js";
import { sayerOf, whole } from "./said.js";

const OTHER_FILES = {
  "a PDF file": "это файл PDF", "an RTF document": "это документ RTF", "an HTML page": "это страница HTML", "an XML file": "это файл XML",
  "a binary workbook (XLSB)": "это двоичная книга (XLSB)", "an OpenDocument file": "это файл OpenDocument", "a Numbers file": "это файл программы Numbers", "a Word document": "это документ Word",
};
const PLACES = { "after row": "после строки", row: "строка", column: "столбец", line: "строка", byte: "байт" };
const placed = (place) => place.replace(/after row|row|column|line|byte/g, (name) => PLACES[name]);
const inMegabytes = (bytes) => `${Math.floor(Number(bytes) / 2 ** 20)} МБ`;

/**
 * Of cells and of whole files. `say` says what stands behind the place of a cell.
 * @param {(text: string) => string} say
 * @returns {import("./said.js").Table}
 */
const reasonsOf = (say) => [
  [/^(after row \d+|row \d+(?:, column \d+)?|line \d+(?:, byte \d+)?|byte \d+): ([\s\S]+)$/, (place, reason) => `${placed(place)}: ${say(reason)}`],
  [/^and (\d+) more$/, (count) => `и ещё ${count}`],
  // of a number
  [/^too short for a number of (\S+)$/, (code) => `слишком короткий для номера ${code}`],
  [/^too long for a number of (\S+)$/, (code) => `слишком длинный для номера ${code}`],
  [/^no number of (\S+) has (\d+) digits$/, (code, count) => `номера ${code} не бывают такой длины, цифр: ${count}`],
  [/^too short: the area code of (\S+) is missing$/, (code) => `слишком короткий: нет кода города (${code})`],
  [/^no such code: (\S+) (\d+)$/, (code, digits) => `такого кода нет: ${code} ${digits}`],
  // of a cell
  [/^telephone number: ([\s\S]+)$/, (reason) => say(reason)],
  [/^a telephone number expected, got the date (\S+)$/, (date) => `нужен номер телефона, а здесь дата ${date}`],
  expected("a telephone number of (\\d+) to (\\d+) digits expected", (least, most) => `нужен номер телефона, от ${least} до ${most} цифр`),
  expected("a telephone number of (\\d+) characters at most expected", (most) => `нужен номер телефона не длиннее ${most} знаков`),
  [/^the spreadsheet program has rounded (\S+): make it a text cell$/, (number) => `программа таблиц округлила номер до «${number}»: сделайте ячейку текстовой`],
  [/^([\s\S]*): the column is left out of params$/, (reason) => `${say(reason)}: столбец не станет параметром`],
  // of a file
  [/^'(.*)' in it is compressed in a way that XLSX does not know$/, (part) => `часть «${part}» сжата не так, как бывает в XLSX`],
  [/^it inflates to more than (\d+) bytes$/, (most) => `в распакованном виде больше ${inMegabytes(most)}`],
  [/^reading it takes more than (\d+) bytes of memory$/, (most) => `чтобы прочесть файл, нужно больше ${inMegabytes(most)} памяти`],
  [/^too large: (\d+) bytes at the most$/, (most) => `файл слишком большой: не больше ${inMegabytes(most)}`],
  [/^not read within (\S+) s$/, (most) => `не удалось прочесть за ${most} с`],
  [/^it cannot be read now: .*$/, () => "сейчас не читается: серверу не хватает памяти или процессов, попробуйте позже"],
  [/^reading it ended the process that read \(exit code (.*)\)$/, (code) => `чтение оборвалось (код ${code})`],
  [/^damaged, or no table \([\s\S]*\)$/, () => "файл повреждён, или это не таблица"],
  [/^neither XLSX, XLS nor text: a character (U\+\w+)$/, (character) => `это ни XLSX, ни XLS, ни текст: знак «${character}»`],
  [/^[^:]*; is a quote left open there\?$/, () => "не читается, не осталась ли в ней незакрытая кавычка?"],
  expected("(\\d+) rows at the most expected", (most) => `нужно не больше ${most} строк`),
  expected("(\\d+) columns at the most expected", (most) => `нужно не больше ${most} столбцов`),
  expected("(\\d+) cells at the most expected", (most) => `нужно не больше ${most} ячеек`),
  expected("(\\d+) characters of text in all at the most expected", (most) => `нужно не больше ${most} знаков текста`),
  expected("(\\d+) characters at the most expected", (most) => `нужно не больше ${most} знаков`),
  expected("(\\d+) parts in it at the most expected", (most) => `нужно не больше ${most} частей в файле`),
  ...whole(Object.fromEntries(Object.entries(OTHER_FILES).map(([what, said]) => [`${what}: XLSX, XLS or CSV expected`, `${said}, а нужен XLSX, XLS или CSV`]))),
  ...whole({
    "has * or #: an internal code, no public number": "есть * или #: это внутренний код, а не городской или мобильный номер",
    "no such country code": "такого кода страны нет",
    "too short for any number": "слишком короткий для номера",
    "too long for any number": "слишком длинный для номера",
    "no telephone number": "нет номера телефона",
    "a telephone number, but the header does not name the column so: the column is left out": "здесь номер телефона, но в заголовке столбец назван иначе: он пропущен",
    "no header that names the columns: params stay empty": "нет строки с названиями столбцов: параметров не будет",
    "the file is empty": "файл пуст",
    "protected by a password": "защищён паролем",
    "no sheet in it that is shown": "в файле нет видимого листа",
    "a quote is opened and never closed": "кавычка открыта и не закрыта",
    "not UTF-16, as the mark at the file's beginning says": "это не UTF-16, хотя так сказано в начале файла",
    "damaged UTF-8": "повреждённый UTF-8",
    "neither UTF-8 nor Windows-1251": "это ни UTF-8, ни Windows-1251",
    "other lists are being read, try again later": "сейчас читаются другие списки, попробуйте позже",
  }),
];

/**
 * What is wrong with a table or a cell of it, the file's name in front or not; null: it is about something else.
 * @param {(text: string) => string} say
 */
export function tableSayer(say) {
  const sayIt = sayerOf(reasonsOf(say));
  return (text) => {
    const said = sayIt(text);
    if (said !== null) return said;
    // a file's name may have a colon, too
    for (let end = text.indexOf(": "); end >= 0; end = text.indexOf(": ", end + 1)) {
      const ofFile = sayIt(text.slice(end + 2));
      if (ofFile !== null) return `«${text.slice(0, end)}»: ${ofFile}`;
    }
    return null;
  };
}
