// Says that a person has opened the message: a preview of a link runs no script.
if (document.querySelector("form")) {
  navigator.sendBeacon(location.pathname + "/opened");
}
