// What every page is built from.

import { h, Fragment } from './vendor/preact.js';
import { useState, useEffect, useMemo, useRef, useCallback } from './vendor/hooks.js';
import htm from './vendor/htm.js';
import { go } from './router.js';

export { Fragment, useState, useEffect, useMemo, useRef, useCallback };
export const html = htm.bind(h);

// follow shows what a link within the page leads to, without loading the page again. A click with a modifier key is the
// browser's.
export function follow(event, href) {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(href);
}

// followWithin is follow for HTML that the viewer wrote, where a link is no Link, unless something drew one into it. One to a place
// in it is the browser's, as are pictures.
export function followWithin(event) {
  if (event.defaultPrevented) return;
  const href = event.target.closest('a')?.getAttribute('href');
  if (href?.startsWith('/') && !href.startsWith('/pictures/')) follow(event, href);
}

export const Link = ({ href, children, ...rest }) =>
  html`<a href=${href} onClick=${event => follow(event, href)} ...${rest}>${children}</a>`;

// useLoad calls load at first and whenever one of the inputs changes, and returns {value, error, reload}. An error stays
// beside the last value, so that what is shown does not vanish; it is tried again every 2 s until it is gone.
export function useLoad(load, inputs) {
  const [state, set] = useState({});
  const turn = useRef(0), shown = useRef(0); // an answer may come after the next was asked for, but not after that was shown
  const reload = useCallback(async () => {
    const mine = ++turn.current;
    const show = next => {
      if (mine <= shown.current) return;
      shown.current = mine;
      set(next);
    };
    try {
      const value = await load();
      show({ value });
    } catch (error) {
      show(before => ({ value: before.value, error }));
    }
  }, inputs);
  useEffect(() => {
    set({});
    reload();
    return () => { shown.current = turn.current; }; // an answer that is still to come is for nobody
  }, inputs);
  useEffect(() => {
    if (!state.error) return;
    const again = setTimeout(reload, 2000);
    return () => clearTimeout(again);
  }, [state]);
  return { ...state, reload };
}

// Problem shows an error in the place of what could not be had.
export const Problem = ({ error }) => error && html`<p class="problem" role="alert">${error.message}</p>`;

// NeedsToken says how the page gets the token, to whoever wants it to act without one.
export const NeedsToken = () => html`<p class="hint" role="alert">
  This page was opened without the token that allows it to act. Open the address that <code>clew up</code> prints,
  ${' '}<code>…/#token=…</code>. Then press the button again.</p>`;

// useTitle names a page in the browser's tab.
export const useTitle = text => useEffect(() => { document.title = `${text} · Clew`; }, [text]);

// Title heads a page, and names it in the tab. Its children, if there are any, are drawn in place of the text.
export function Title({ text, children, ...rest }) {
  useTitle(text);
  return html`<h1 ...${rest}>${children ?? text}</h1>`;
}

// Empty says that there is nothing, and, in its children, what to do next.
export const Empty = ({ title, children }) => html`
  <div class="empty"><p class="empty-title">${title}</p><div>${children}</div></div>`;

// Dialog asks before something is done. Escape and its first button close it.
export function Dialog({ title, action, onClose, onConfirm, children }) {
  const dialog = useRef();
  const [state, set] = useState({});
  useEffect(() => dialog.current.showModal(), []);
  const confirm = async () => {
    set({ busy: true });
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      set({ error });
    }
  };
  return html`
    <dialog ref=${dialog} onClose=${onClose} aria-label=${title}>
      <h2>${title}</h2>
      ${children}
      <${Problem} error=${state.error} />
      <div class="row end">
        <button class="button" onClick=${onClose}>Cancel</button>
        <button class="button button-primary" disabled=${state.busy} onClick=${confirm}>${action}</button>
      </div>
    </dialog>`;
}
