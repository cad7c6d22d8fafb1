// What follows the clock.

import { useState, useEffect, useRef } from './ui.js';

// useEvery calls what it is given every so many milliseconds while the page can be seen; 0 is never.
export function useEvery(milliseconds, call) {
  const latest = useRef();
  latest.current = call;
  useEffect(() => {
    if (!milliseconds) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && latest.current(), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
}

// useNow draws again every second, for what says how long ago something was.
export function useNow() {
  const [, set] = useState();
  useEvery(1000, () => set(Date.now()));
}
