// How the page asks the viewer.

// The token comes in the fragment of the address that `clew up` prints: a fragment is sent to no server and stands in no log.
const fragment = new URLSearchParams(location.hash.slice(1));
if (fragment.has('token')) {
  sessionStorage.setItem('token', fragment.get('token'));
  history.replaceState(null, '', location.pathname + location.search);
}

// hasToken tells whether the page may act: redrive, discard, and turn the switches of processes.
export const hasToken = () => sessionStorage.getItem('token') !== null;

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error('Clew does not answer. Is it running? `make up` starts it.');
  }
  const text = await response.text();
  let answer;
  try {
    answer = text === '' ? null : JSON.parse(text);
  } catch {
    answer = { detail: text };
  }
  if (!response.ok) {
    // Problem details of RFC 9457, or Prometheus's errors.
    throw Object.assign(new Error(answer?.detail || answer?.error || answer?.title || `${path}: ${response.status}`), { status: response.status });
  }
  const [, , , flags] = response.headers.get('traceresponse')?.split('-') ?? [];
  if (flags && answer?.trace_id && !(parseInt(flags, 16) & 1)) unsampled.add(answer.trace_id);
  return answer;
}

// unsampled holds the ids of traces of which the services said that they keep no spans.
export const unsampled = new Set();

// get returns the decoded answer. An Error's message is for the user, its status is HTTP's if there was an answer.
export const get = (path, options) => ask(path, options);

// post sends JSON, or nothing, with the token if the page was given one.
export function post(path, body, headers = {}) {
  if (hasToken()) headers = { ...headers, Authorization: `Bearer ${sessionStorage.getItem('token')}` };
  if (body !== undefined) headers = { ...headers, 'Content-Type': 'application/json' };
  return ask(path, { method: 'POST', headers, body: body === undefined ? undefined : JSON.stringify(body) });
}

// One connection serves all that is subscribed to: a browser has six for a server. It connects again by itself.
let source;
const handlers = new Map(); // event -> Set

// subscribe calls handler with the data of each change of a kind: traces, streams, and problem while Redis does not say what
// is in the streams; and of `connected`, with a boolean. It returns a function that ends that.
export function subscribe(event, handler) {
  if (!handlers.has(event)) handlers.set(event, new Set());
  handlers.get(event).add(handler);
  if (!source && !document.hidden) connect();
  return () => handlers.get(event).delete(handler);
}

// A page that nobody sees, or that was left and is kept for the way back, lets its connection go: after six of them nothing
// would load any more.
document.addEventListener('visibilitychange', follow);
addEventListener('pagehide', () => source?.close());
addEventListener('pageshow', ({ persisted }) => persisted && follow());

function follow() {
  source?.close();
  if (document.hidden) tell('connected', false);
  else connect();
}

const tell = (event, data) => handlers.get(event)?.forEach(handler => handler(data));

function connect() {
  source = new EventSource('/api/changes');
  for (const event of ['traces', 'streams', 'problem']) {
    source.addEventListener(event, message => tell(event, JSON.parse(message.data)));
  }
  source.onopen = () => tell('connected', true);
  source.onerror = () => {
    tell('connected', false);
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 1000);
  };
}
