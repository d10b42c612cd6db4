export interface Made {
  readonly id: string;
}

export class Jobs {
  constructor(config?: { now?: () => number; pace?: number });
  seed(): this;
  add(job: object): Made;
  answer(method: string, request: object, verified?: boolean): { status: number; body: object };
}
