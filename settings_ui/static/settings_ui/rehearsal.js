// Trying out the settings as they stand on the screen: nothing is sent to anybody, and nothing is saved.
export class Rehearsal {
  constructor(screen) {
    this.screen = screen;
  }

  settle() {}

  later() {}

  click() {}

  change() {}

  open() {}
}
