/** A note of the system for those who look elsewhere when it is their turn, and who asked to be told. */

function there(): boolean {
  return 'Notification' in globalThis;
}

/** Asks the browser to ask the person, once; from a press alone. */
export function askForNotices(): void {
  if (there() && Notification.permission === 'default') {
    void Notification.requestPermission();
  }
}

/** Shows the note while the page is hidden; pressing it brings the page to the front. */
export function notice(headline: string, text: string): void {
  if (!document.hidden || !there() || Notification.permission !== 'granted') {
    return;
  }
  try {
    const note = new Notification(headline, { body: text, tag: 'stanchion-turn', requireInteraction: true });
    note.onclick = () => {
      focus();
      note.close();
    };
  } catch {
    // Browsers of some phones take notes from service workers alone: there the sound and the title must do.
  }
}
