// Something that views show, and that tells them when it changes.
export class Subject<V> {
  #view: V;
  #views = new Set<() => void>();

  constructor(view: V) {
    this.#view = view;
  }

  get(): V {
    return this.#view;
  }

  subscribe(changed: () => void): () => void {
    this.#views.add(changed);
    return () => this.#views.delete(changed);
  }

  protected show(change: Partial<V>): void {
    this.#view = { ...this.#view, ...change };
    for (const changed of this.#views) changed();
  }
}
