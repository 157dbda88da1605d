// Something that is fetched: what there is of it, whether it comes, and what went wrong.
import { isWatched } from "../activity.js";
import { useCallback, useEffect, useRef, useState } from "../html.js";

/**
 * `load` is called again whenever one of `inputs` changes; an answer that comes too late is not taken. `keep`: what is
 * there stays until the next answer.
 * @template T
 * @param {() => Promise<T>} load
 * @param {any[]} inputs
 * @param {{keep?: boolean}} [how]
 * @returns {{data: T | undefined, error: any, loading: boolean, reload: () => Promise<void>, set: (data: T) => void}}
 */
export function useLoaded(load, inputs, { keep = false } = {}) {
  const [state, setState] = useState({ data: undefined, error: null, loading: true });
  const turn = useRef(0);
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    setState((before) => ({ ...before, loading: true }));
    try {
      const data = await load();
      if (mine === turn.current) setState({ data, error: null, loading: false });
    } catch (error) {
      if (mine === turn.current) setState((before) => ({ ...before, error, loading: false }));
    }
  }, inputs);
  useEffect(() => {
    setState((before) => ({ ...before, data: keep ? before.data : undefined, error: null }));
    reload();
    return () => {
      turn.current += 1;
    };
  }, [reload]);
  return { ...state, reload, set: (data) => setState({ data, error: null, loading: false }) };
}

/** Calls it every so many milliseconds while somebody looks at the page. */
export function useEvery(ms, act, inputs) {
  useEffect(() => {
    if (!ms) return undefined;
    const timer = setInterval(() => {
      if (isWatched()) act();
    }, ms);
    return () => clearInterval(timer);
  }, [ms, ...inputs]);
}

/** The value, followed at most so often: for what is said aloud. */
export function useUnhurried(value, ms) {
  const [shown, setShown] = useState(value);
  const latest = useRef(value);
  latest.current = value;
  useEffect(() => {
    const timer = setInterval(() => setShown(latest.current), ms);
    return () => clearInterval(timer);
  }, [ms]);
  return shown;
}

/** The value when it has not changed for a while. */
export function useSettled(value, ms = 250) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
