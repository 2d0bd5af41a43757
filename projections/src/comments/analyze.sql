analyze comments;
