# How to get back: what nobody can read from the host itself, and the risks that were accepted in writing.
bootkeep:
  site:
    location: "Example data centre, room 2, rack B4, slot 17"
    console: "https://bmc-b4-17.example.com (user in the team's safe)"
    backup: "backup.example.com, nightly at 02:00 UTC; restore guide in the same binder"
    runbook_place: "red binder at rack B4"
    rescue_medium: "Debian live USB stick, first pocket of the red binder"
  accepted: {}               # finding id: the reason why it is lived with, by whom, until when
  config_paths: []           # configuration files outside /etc that reports shall watch
