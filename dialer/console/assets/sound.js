// One sound at a time, decoded by the page itself: a strict Content-Security-Policy lets no made-up address be played.
import { Store } from "./store.js";

/** What plays now; null: nothing. */
export const playing = new Store(null);
let context = null;
let current = null;

/** Plays the WAV of this name to its end. Raises what the browser says of one that cannot be played. */
export async function play(name, bytes) {
  context ??= new AudioContext();
  await context.resume();
  const buffer = await context.decodeAudioData(bytes);
  stop();
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.addEventListener("ended", () => {
    if (current === source) stop();
  });
  current = source;
  source.start();
  playing.set(name);
}

export function stop() {
  const before = current;
  current = null;
  try {
    before?.stop();
  } catch {
    // it had not begun
  }
  playing.set(null);
}
