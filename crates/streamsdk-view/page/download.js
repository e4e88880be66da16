// Files that the page itself writes.

/** A blob's address has to last until the browser has begun to save it. */
const REVOKE_MS = 60_000;

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), REVOKE_MS);
}

/** For names: `20250131-142501`. */
export function timeStamp(date = new Date()) {
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const times = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const joined = (numbers) => numbers.map((number) => String(number).padStart(2, "0")).join("");
  return `${joined(parts)}-${joined(times)}`;
}
