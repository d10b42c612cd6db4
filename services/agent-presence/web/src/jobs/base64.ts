// String.fromCharCode takes its bytes as arguments, of which there can't be millions.
const atOnce = 0x8000;

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += atOnce) text += String.fromCharCode(...bytes.subarray(i, i + atOnce));
  return btoa(text);
}
