// Asking again and again, without asking twice.

import { useState, useEffect, useRef } from '../ui.js';

// useLatest calls load(signal) when it is enabled, at each turn and at once for another key. What runs for another key
// is cancelled; a turn that comes while its key is still asked for is left out. It returns {value, error}: an error
// stands beside the last value of the key. A value that says the same as the last is not taken for a new one.
export function useLatest(load, key, turn, enabled) {
  const [state, set] = useState({});
  const running = useRef(), done = useRef();
  useEffect(() => {
    if (!enabled || done.current === `${key} ${turn}` || running.current?.key === key) return;
    running.current?.cancel.abort();
    const mine = running.current = { key, cancel: new AbortController() };
    const finish = change => {
      if (running.current !== mine) return;
      running.current = undefined;
      done.current = `${key} ${turn}`;
      set(change);
    };
    load(mine.cancel.signal).then(
      value => finish(before => {
        const text = JSON.stringify(value);
        return before.key === key && before.text === text && !before.error ? before : { key, text, value: before.text === text ? before.value : value };
      }),
      error => finish(before => ({ ...before, error })));
  }, [key, turn, enabled]);
  useEffect(() => () => {
    running.current?.cancel.abort();
    running.current = undefined;
  }, []);
  return state;
}

// useTurns returns [now, next]: the time in seconds of the newest turn. One comes every so many seconds (0: never), but
// not while nobody sees the page, and at a call of next.
export function useTurns(seconds) {
  const [now, set] = useState(() => Date.now() / 1000);
  const last = useRef(now);
  const next = () => set(last.current = Date.now() / 1000);
  useEffect(() => {
    if (!seconds) return;
    const due = () => !document.hidden && Date.now() / 1000 - last.current >= seconds - .1 && next();
    const timer = setInterval(due, 1000);
    document.addEventListener('visibilitychange', due);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', due);
    };
  }, [seconds]);
  return [now, next];
}

// useSight returns {seen, width} of an element: seen once it is near what can be seen.
export function useSight(ref) {
  const [sight, set] = useState({ seen: false, width: 0 });
  useEffect(() => {
    const observer = new IntersectionObserver(
      ([entry]) => set({ seen: entry.isIntersecting, width: Math.round(entry.boundingClientRect.width) }), { rootMargin: '150px' });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return sight;
}
