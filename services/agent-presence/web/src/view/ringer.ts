// Two soft tones every two seconds while an offer stands, made here: no file, and off until the agent wants it.

const every = 2_000;
const tones = [
  { at: 0, hertz: 660 },
  { at: 0.18, hertz: 880 },
];
const volume = 0.12;
const length = 0.35;

export class Ringer {
  #context: AudioContext | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  // Browsers let a page sound only after a click or a key; call it from there.
  unlock(): void {
    this.#context ??= new AudioContext();
    void this.#context.resume();
  }

  ring(on: boolean): void {
    if (on === (this.#timer !== undefined)) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!on) return;
    this.#timer = setInterval(() => this.once(), every);
    this.once();
  }

  once(): void {
    const context = this.#context;
    if (context?.state !== "running") return;
    for (const { at, hertz } of tones) tone(context, context.currentTime + at, hertz);
  }
}

function tone(context: AudioContext, at: number, hertz: number): void {
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(volume, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + length);
  const oscillator = new OscillatorNode(context, { frequency: hertz });
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(at);
  oscillator.stop(at + length);
}
