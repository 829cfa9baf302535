// What is chosen on the page stands in its address, so that a reload or a link keeps it.

export class Address {
  constructor() {
    this.values = new URLSearchParams(location.search);
  }

  /** The value of a name, or null. */
  get(name) {
    return this.values.get(name);
  }

  /** All values of a name. */
  all(name) {
    return this.values.getAll(name);
  }

  /** Sets values: a text or number, several (an array), or none (null, "" or an empty array). */
  set(changes) {
    for (const [name, value] of Object.entries(changes)) {
      this.values.delete(name);
      for (const one of Array.isArray(value) ? value : [value ?? ""]) {
        if (one !== "") this.values.append(name, String(one));
      }
    }
    const search = this.values.toString();
    history.replaceState(null, "", search ? `?${search}` : location.pathname);
  }
}

/** The address of a run's page. */
export const runAddress = (name) => `/runs?${new URLSearchParams({ run: name })}`;
