// A button, and what it shows.

import { html, useRef } from '../ui.js';
import { useId } from '../vendor/hooks.js';

// Popover is a button that shows its children below or above it, until Escape or a click elsewhere.
export function Popover({ label, face, onOpen, children, ...rest }) {
  const id = useId();
  const button = useRef(), box = useRef();
  const place = event => {
    if (event.newState !== 'open') return;
    const at = button.current.getBoundingClientRect(), below = at.bottom < innerHeight * .6;
    Object.assign(box.current.style, {
      left: `${Math.max(8, Math.min(at.left, innerWidth - 348))}px`,
      top: below ? `${at.bottom + 4}px` : 'auto',
      bottom: below ? 'auto' : `${innerHeight - at.top + 4}px`,
    });
    onOpen?.();
  };
  return html`
    <button ...${rest} ref=${button} popovertarget=${id} aria-label=${label}>${face}</button>
    <div id=${id} ref=${box} popover class="popover" onBeforeToggle=${place}>${children}</div>`;
}
