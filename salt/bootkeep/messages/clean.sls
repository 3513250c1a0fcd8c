# Nobody is told any more; what is in the outbox stays there.
bootkeep-messages-clean:
  file.absent:
    - name: /etc/bootkeep/messages.json
