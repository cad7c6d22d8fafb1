// How a service looks, everywhere on the page: it has a colour, and for those who do not see it, letters.

import { html } from './ui.js';
import { oneLine } from './text.js';

const ours = ['order', 'inventory', 'loadtest'];
const others = 5; // colours for all other services, in style.css

// colour is a service's, always the same.
export function colour(service) {
  if (ours.includes(service)) return `var(--service-${service})`;
  let sum = 0;
  for (const letter of service) sum = (sum * 31 + letter.codePointAt(0)) % 65536;
  return `var(--service-${sum % others})`;
}

// lettersOf are the first two of its name, or the initials of its words.
function lettersOf(service) {
  const words = service.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? words.map(word => [...word][0]) : [...words[0] ?? '?'];
  return letters.slice(0, 2).join('').toUpperCase();
}

// Badge stands before a service's name, or in its place. Its letters are no text: what is copied or read aloud goes without.
export const Badge = ({ service }) => html`
  <i class="badge" role="img" aria-label=${oneLine(service)} title=${oneLine(service)} data-letters=${lettersOf(service)} style=${{ background: colour(service) }} />`;
