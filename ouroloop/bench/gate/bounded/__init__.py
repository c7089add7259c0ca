"""The power that bounds over a whole run leave: to name the part that did it, and to find a change that does harm."""
