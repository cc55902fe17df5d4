/** @returns {string} SVG */
export function chart() {
  return '';
}
