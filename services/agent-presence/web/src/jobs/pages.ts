// Where one is in a list that only has a token for the next page: the tokens of the pages before are kept.
export class Pages {
  #tokens = [""];
  #next = "";

  get token(): string {
    return this.#tokens.at(-1)!;
  }

  // From 1.
  get number(): number {
    return this.#tokens.length;
  }

  get more(): boolean {
    return this.#next !== "";
  }

  // The page that is shown names the next one.
  answered(nextPageToken: string): void {
    this.#next = nextPageToken;
  }

  forth(): boolean {
    if (!this.more) return false;
    this.#tokens.push(this.#next);
    this.#next = "";
    return true;
  }

  back(): boolean {
    if (this.#tokens.length === 1) return false;
    this.#next = this.#tokens.pop()!;
    return true;
  }
}
