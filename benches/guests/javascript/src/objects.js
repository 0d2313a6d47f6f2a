"use strict";
// A small scheduler: tasks of several classes hand packets on until none is left.
class Packet {
  constructor(kind, value) {
    this.kind = kind;
    this.value = value;
    this.next = null;
  }
}

class Task {
  constructor(id) {
    this.id = id;
    this.first = null;
    this.last = null;
    this.handled = 0;
  }
  put(packet) {
    if (this.last === null) {
      this.first = packet;
    } else {
      this.last.next = packet;
    }
    this.last = packet;
  }
  take() {
    const packet = this.first;
    if (packet !== null) {
      this.first = packet.next;
      packet.next = null;
      if (this.first === null) this.last = null;
    }
    return packet;
  }
  step(scheduler) {
    const packet = this.take();
    if (packet === null) return false;
    this.handled += 1;
    this.handle(packet, scheduler);
    return true;
  }
}

class Adder extends Task {
  handle(packet, scheduler) {
    packet.value = (packet.value * 31 + this.id) % 65521;
    scheduler.send((this.id + 1) % scheduler.tasks.length, packet);
  }
}

class Splitter extends Task {
  handle(packet, scheduler) {
    if (packet.value % 3 === 0 && scheduler.alive < 40) {
      scheduler.send((this.id + 2) % scheduler.tasks.length, new Packet("copy", packet.value + 1));
      scheduler.alive += 1;
    }
    scheduler.send((this.id + 1) % scheduler.tasks.length, packet);
  }
}

class Dropper extends Task {
  handle(packet, scheduler) {
    if (packet.kind === "copy" && packet.value % 5 === 0) {
      scheduler.alive -= 1;
      scheduler.sum = (scheduler.sum + packet.value) % 1000003;
    } else {
      scheduler.send((this.id + 3) % scheduler.tasks.length, packet);
    }
  }
}

class Scheduler {
  constructor() {
    this.tasks = [];
    this.alive = 0;
    this.sum = 0;
    for (let i = 0; i < 9; i += 1) {
      this.tasks.push(i % 3 === 0 ? new Adder(i) : i % 3 === 1 ? new Splitter(i) : new Dropper(i));
    }
  }
  send(to, packet) {
    this.tasks[to].put(packet);
  }
  run(rounds) {
    for (let round = 0; round < rounds; round += 1) {
      for (const task of this.tasks) task.step(this);
    }
    return this.tasks.reduce((sum, task) => sum + task.handled, this.sum);
  }
}

function main(n) {
  const scheduler = new Scheduler();
  for (let i = 0; i < 6; i += 1) {
    scheduler.send(i, new Packet("first", i * 7));
    scheduler.alive += 1;
  }
  return scheduler.run(n);
}
