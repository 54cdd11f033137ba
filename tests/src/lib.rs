//! Starts the real programs, each as a process of its own, and asks them over their own doors:
//! HTTP, MQTT, files. Nothing here knows the inside of a program.
