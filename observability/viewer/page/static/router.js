// Which page is shown: the path and the query of the address.

import { useState, useEffect } from './vendor/hooks.js';

const moved = new EventTarget();

const here = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });

// go shows another page, or the same with another query. With replace, the way back does not lead here.
export function go(url, { replace } = {}) {
  history[replace ? 'replaceState' : 'pushState'](null, '', url);
  moved.dispatchEvent(new Event('move'));
}

addEventListener('popstate', () => moved.dispatchEvent(new Event('move')));

// useRoute returns {path, query}, and draws again when they change.
export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const follow = () => set(here());
    moved.addEventListener('move', follow);
    return () => moved.removeEventListener('move', follow);
  }, []);
  return route;
}
