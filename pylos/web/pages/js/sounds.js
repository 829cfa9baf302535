// The sound of a ball on wood, made on the spot. Where there is no audio the page is silent.

let context = null;

/** Plays it. @param {number} loudness from 0 to 1 */
export function tock(loudness) {
  if (!window.AudioContext || navigator.userActivation?.hasBeenActive === false) return; // Nothing sounds before a first click.
  context ??= new AudioContext();
  context.resume().catch(() => {}); // A browser may have let it sleep.
  const { currentTime: now, destination } = context;
  for (const [frequency, share] of [[190, 1], [410, 0.4]]) {
    const tone = context.createOscillator();
    const level = context.createGain();
    tone.frequency.setValueAtTime(frequency * 1.4, now);
    tone.frequency.exponentialRampToValueAtTime(frequency, now + 0.03);
    level.gain.setValueAtTime(0.25 * loudness * share, now);
    level.gain.exponentialRampToValueAtTime(0.0005, now + 0.12);
    tone.connect(level).connect(destination);
    tone.start(now);
    tone.stop(now + 0.13);
  }
}
