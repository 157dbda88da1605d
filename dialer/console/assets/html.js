// Preact and htm, put together in one place: nothing else imports them.
import { h, render, Fragment, createContext, toChildArray } from "./vendor/preact.js";
import htm from "./vendor/htm.js";

export const html = htm.bind(h);
export { h, render, Fragment, createContext, toChildArray };
export {
  useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "./vendor/preact-hooks.js";
