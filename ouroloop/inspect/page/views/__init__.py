"""What each page shows, as plain data for its template. A view reads and changes nothing."""
