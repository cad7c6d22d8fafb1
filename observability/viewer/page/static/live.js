// What pages load of orders and traces, and load again as spans arrive.

import { useEffect, useLoad } from './ui.js';
import { get, subscribe } from './api.js';
import { plant } from './story.js';

// useLive is useLoad that loads again when traces changed that concern it, but only pause ms after the last answer: under
// load there is always news, and each answer should still be seen.
export function useLive(load, concerns, pause, inputs) {
  const loaded = useLoad(load, inputs);
  useEffect(() => {
    let busy = false, again = false, ended = false, away = false;
    const refresh = async () => {
      again = true;
      if (busy) return;
      busy = true;
      while (again && !ended) {
        again = false;
        await loaded.reload();
        await new Promise(done => setTimeout(done, pause));
      }
      busy = false;
    };
    const ends = [
      subscribe('traces', ({ ids }) => concerns(ids) && refresh()),
      subscribe('connected', connected => {
        if (connected && away) refresh(); // what changed meanwhile was not told
        away = !connected;
      }),
    ];
    return () => {
      ended = true;
      ends.forEach(end => end());
    };
  }, inputs);
  return loaded;
}

// useStory returns the story of a trace; that of an unknown one has no nodes.
export const useStory = id => useLive(async () => plant(await get(`/api/stories/${id}`)), ids => ids.includes(id), 150, [id]);

// search returns the newest traces that a TraceQL query finds and that take at least so many ms, ids in full.
export async function search(query, { limit, least = 0 }) {
  const long = least > 0 ? { minDuration: `${least}ms` } : {};
  const answer = await get(`/api/search?${new URLSearchParams({ q: query, limit, spss: 1, ...long })}`);
  return (answer.traces ?? []).map(t => ({
    id: t.traceID.padStart(32, '0'),
    name: t.rootTraceName ?? '',
    service: t.rootServiceName ?? '',
    start: BigInt(t.startTimeUnixNano ?? 0),
    ms: t.durationMs ?? 0,
  }));
}

// loadPending returns the messages of both streams that are pending.
export const loadPending = async () => (await Promise.all(['orders', 'stock'].map(async stream =>
  (await get(`/api/streams/${stream}/pending?limit=100`)).items))).flat();
